//! A queue that is bounded by the bytes that wait in it.
//!
//! Narrow rows may be far ahead of who uses them, and wide ones do not fill the memory.

use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError,
    mpsc::{Receiver, Sender, channel},
};

/// The end of the thread that reads.
#[derive(Debug)]
pub(super) struct Inlet<T> {
    sender: Sender<(T, usize)>,
    room: Arc<Room>,
}

/// The other end. Dropping it lets the one that waits for room go on, and fail.
#[derive(Debug)]
pub(super) struct Outlet<T> {
    receiver: Receiver<(T, usize)>,
    room: Arc<Room>,
}

#[derive(Debug)]
struct Room {
    taken: Mutex<Taken>,
    freed: Condvar,
}

#[derive(Debug)]
struct Taken {
    most: usize,
    bytes: usize,
    closed: bool,
}

/// Makes a queue in which so many bytes may wait, or one message that is larger.
pub(super) fn queue<T>(most_bytes: usize) -> (Inlet<T>, Outlet<T>) {
    let (sender, receiver) = channel();
    let room = Arc::new(Room {
        taken: Mutex::new(Taken {
            most: most_bytes,
            bytes: 0,
            closed: false,
        }),
        freed: Condvar::new(),
    });
    let inlet = Inlet {
        sender,
        room: Arc::clone(&room),
    };
    (inlet, Outlet { receiver, room })
}

impl<T> Inlet<T> {
    /// Waits for room, and sends. Returns whether the other end is still there.
    pub(super) fn send(&self, message: T, bytes: usize) -> bool {
        let is_full = |taken: &mut Taken| {
            !taken.closed && taken.bytes > 0 && taken.bytes + bytes > taken.most
        };
        let taken = self.room.freed.wait_while(self.room.lock(), is_full);
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        if taken.closed {
            return false;
        }
        taken.bytes += bytes;
        drop(taken);
        self.sender.send((message, bytes)).is_ok()
    }
}

impl<T> Outlet<T> {
    /// Lets so many bytes wait from now on.
    pub(super) fn make_room(&self, most_bytes: usize) {
        self.room.lock().most = most_bytes;
        self.room.freed.notify_one();
    }

    /// Waits for a message; none if the other end is gone.
    pub(super) fn receive(&self) -> Option<T> {
        let (message, bytes) = self.receiver.recv().ok()?;
        self.room.lock().bytes -= bytes;
        self.room.freed.notify_one();
        Some(message)
    }
}

impl<T> Drop for Outlet<T> {
    fn drop(&mut self) {
        self.room.lock().closed = true;
        self.room.freed.notify_one();
    }
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    #[test]
    fn no_more_waits_than_there_is_room_for() {
        let (inlet, outlet) = queue(10);
        let sending = thread::spawn(move || {
            for number in 0..100_usize {
                assert!(inlet.send(number, 1 + number % 12));
            }
        });
        for number in 0..100 {
            thread::sleep(Duration::from_micros(100));
            let waiting = outlet.room.lock().bytes;
            assert!(waiting <= 12, "{waiting} bytes wait");
            assert_eq!(outlet.receive(), Some(number));
        }
        assert_eq!(outlet.receive(), None);
        sending.join().unwrap();
    }

    #[test]
    fn who_waits_for_room_goes_on_when_there_is_more() {
        let (inlet, outlet) = queue(1);
        assert!(inlet.send(1, 1));
        let sending = thread::spawn(move || inlet.send(2, 9));
        thread::sleep(Duration::from_millis(5));
        assert_eq!(outlet.room.lock().bytes, 1);
        outlet.make_room(10);
        assert!(sending.join().unwrap());
        assert_eq!((outlet.receive(), outlet.receive()), (Some(1), Some(2)));
    }

    #[test]
    fn who_waits_for_room_goes_on_when_the_other_end_is_gone() {
        let (inlet, outlet) = queue(1);
        assert!(inlet.send((), 1));
        let sending = thread::spawn(move || inlet.send((), 1));
        thread::sleep(Duration::from_millis(5));
        drop(outlet);
        assert!(!sending.join().unwrap());
    }
}
