//! Linear memories in huge pages.
//!
//! A plugin that keeps an index over millions of keys reads it at random. With pages of 4 KiB
//! nearly every read misses the processor's cache of page addresses, and in a virtual machine one
//! such miss can cost as much as the read itself. So a memory that has grown large asks Linux for
//! huge pages. Everything else is as wasmtime does it by itself: the address space of a 32-bit
//! memory and its guard are reserved at once, and what the memory has grown to is made accessible.

use std::{ffi::c_void, io, ptr};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// From this size on a memory asks for huge pages, of 2 MiB each: small plugins stay small.
const HUGE_FROM: usize = 16 << 20;

/// The address space of a 32-bit memory, reserved if wasmtime does not say how much.
const ADDRESS_SPACE: usize = 1 << 32;

/// Makes linear memories, in huge pages once they are large.
pub(crate) struct HugePages;

// SAFETY: every memory has its own mapping, which nothing else is told of, and which is as large
// as the reservation and the guard that are asked for; the guard is never made accessible.
#[expect(
    unsafe_code,
    reason = "the trait is wasmtime's, and unsafe to implement"
)]
unsafe impl MemoryCreator for HugePages {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved_size_in_bytes: Option<usize>,
        guard_size_in_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let reserved = reserved_size_in_bytes.unwrap_or_else(|| {
            let wanted = maximum.unwrap_or(ADDRESS_SPACE).min(ADDRESS_SPACE);
            wanted.max(minimum)
        });
        let memory = Mapping::reserve(reserved, guard_size_in_bytes);
        let mut memory = memory.map_err(|error| error.to_string())?;
        memory
            .make_accessible(minimum)
            .map_err(|error| error.to_string())?;
        Ok(Box::new(memory))
    }
}

/// A reservation of address space, of which the beginning is accessible.
struct Mapping {
    start: *mut c_void,
    mapped: usize,
    reserved: usize,
    accessible: usize,
    huge: bool,
}

impl Mapping {
    #[expect(unsafe_code, reason = "memory is mapped")]
    fn reserve(reserved: usize, guard: usize) -> io::Result<Self> {
        let mapped = reserved
            .checked_add(guard)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no other.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                mapped.max(1),
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }?;
        Ok(Self {
            start,
            mapped: mapped.max(1),
            reserved,
            accessible: 0,
            huge: false,
        })
    }

    #[expect(unsafe_code, reason = "memory is made accessible")]
    fn make_accessible(&mut self, size: usize) -> io::Result<()> {
        if size > self.reserved {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if size > self.accessible {
            // SAFETY: `size` bytes from `start` on are of this mapping, and nothing relies on
            // their being inaccessible but wasmtime, which asks for it.
            unsafe {
                let access = MprotectFlags::READ | MprotectFlags::WRITE;
                rustix::mm::mprotect(self.start, size, access)?;
            }
            self.accessible = size;
        }
        if size >= HUGE_FROM && !self.huge {
            self.huge = true;
            // SAFETY: as above; the advice changes no content. That it is not taken is no error.
            let _advised =
                unsafe { rustix::mm::madvise(self.start, self.reserved, Advice::LinuxHugepage) };
        }
        Ok(())
    }
}

impl Drop for Mapping {
    #[expect(unsafe_code, reason = "the mapping is removed")]
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `reserve`, and wasmtime has dropped its memory.
        let _unmapped = unsafe { rustix::mm::munmap(self.start, self.mapped) };
    }
}

// SAFETY: the mapping belongs to this value alone, whichever thread has it.
#[expect(unsafe_code, reason = "a pointer is in it")]
unsafe impl Send for Mapping {}
// SAFETY: nothing is changed through a shared reference.
#[expect(unsafe_code, reason = "a pointer is in it")]
unsafe impl Sync for Mapping {}

// SAFETY: the base never moves, and what lies behind the accessible bytes is reserved and cannot
// be accessed.
#[expect(
    unsafe_code,
    reason = "the trait is wasmtime's, and unsafe to implement"
)]
unsafe impl LinearMemory for Mapping {
    fn byte_size(&self) -> usize {
        self.accessible
    }

    fn byte_capacity(&self) -> usize {
        self.reserved
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        Ok(self.make_accessible(new_size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.start.cast()
    }
}
