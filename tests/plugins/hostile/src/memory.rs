//! The guest's allocator. The host calls it through `cabi_realloc` for room for what it hands over,
//! and through `cabi_post_…`, after a call, to free what it was given. In either it can be told to
//! misbehave once.

#![expect(
    unsafe_code,
    reason = "an allocator is unsafe, and this one more than others"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    ptr::without_provenance_mut,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::bindings::output;

/// Memory of this size is freed by a trick: a size that nothing else has here.
const MARKED_BYTES: usize = 4_242;

/// What can be done instead of giving or freeing memory; 0 stands for doing it.
const TRICKS: [&str; 6] = ["", "spin", "trap", "emit", "beyond", "misaligned"];

static TO_GIVE: AtomicUsize = AtomicUsize::new(0);
static TO_FREE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static MEMORY: Memory = Memory;

struct Memory;

/// Has the next allocation go wrong.
pub(crate) fn trick_giving(trick: &str) {
    TO_GIVE.store(number(trick), Ordering::Relaxed);
}

/// Has the freeing of marked memory go wrong.
pub(crate) fn trick_freeing(trick: &str) {
    TO_FREE.store(number(trick), Ordering::Relaxed);
}

fn number(trick: &str) -> usize {
    let known = TRICKS.iter().position(|known| *known == trick);
    known.expect("a trick")
}

fn play(trick: usize) -> *mut u8 {
    match TRICKS[trick] {
        "spin" => loop {
            black_box(());
        },
        "trap" => core::arch::wasm32::unreachable(),
        "emit" => {
            output::emit(0, &[], &[]);
            std::ptr::null_mut()
        }
        "beyond" => without_provenance_mut(0xffff_0000),
        _ => without_provenance_mut(0x1_0001),
    }
}

// SAFETY: none, if it is told to misbehave: that is the deed. Otherwise it is the system's.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match TO_GIVE.swap(0, Ordering::Relaxed) {
            // SAFETY: as the caller promises.
            0 => unsafe { System.alloc(layout) },
            trick => play(trick),
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if layout.size() == MARKED_BYTES {
            let trick = TO_FREE.swap(0, Ordering::Relaxed);
            if trick != 0 {
                play(trick);
                return;
            }
        }
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, size) }
    }
}
