//! Everything that the guest can be told to do in any call.

#![expect(unsafe_code, reason = "a hostile guest keeps to no rules")]

use std::{
    hint::black_box,
    mem::ManuallyDrop,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    answers::{emit, selection},
    bindings::{
        columnar::{Array, Batch, Node},
        failure::Error,
        log, output, rows,
    },
    memory::{trick_freeing, trick_giving},
    orders::{Orders, Scene, number, text},
};

/// Does what is ordered for `call`, and says whether anything was.
pub(crate) fn obey(orders: &Orders, call: &str, scene: &Scene<'_>) -> Result<bool, Error> {
    let mut told = false;
    for deed in orders.of(call) {
        told = true;
        carry_out(&deed, scene)?;
    }
    Ok(told)
}

/// How often an order with `after` was met.
static MET: AtomicU32 = AtomicU32::new(0);

/// Does one deed.
pub(crate) fn carry_out(deed: &[&str], scene: &Scene<'_>) -> Result<(), Error> {
    match deed {
        // Those that the calls themselves look for.
        ["nothing" | "promise" | "not-row-wise" | "event-time", ..] => {}
        ["forever", deed @ ..] => loop {
            carry_out(deed, scene)?;
        },
        ["times", count, deed @ ..] => {
            for _ in 0..number(count) {
                carry_out(deed, scene)?;
            }
        }
        // Not before it was met so often in this instance.
        ["after", count, deed @ ..] => {
            if MET.fetch_add(1, Ordering::Relaxed) >= number(count) {
                carry_out(deed, scene)?;
            }
        }
        ["answer", about, words] => return Err(error(about, text(words))),
        ["panic"] => panic!("as ordered"),
        ["spin"] => loop {
            black_box(());
        },
        ["recurse"] => {
            black_box(recurse(black_box(1)));
        }
        ["hoard"] => hoard(),
        ["grow", pages] => {
            if core::arch::wasm32::memory_grow::<0>(number(pages) as usize) == usize::MAX {
                panic!("there was no more memory");
            }
        }
        // A refusal that the guest gets over.
        ["ask-for", pages] => {
            black_box(core::arch::wasm32::memory_grow::<0>(number(pages) as usize));
        }
        ["touch", address] => {
            let address = std::ptr::without_provenance::<u8>(number(address) as usize);
            // SAFETY: none: this is the deed. Wasm has nothing there to be harmed.
            black_box(unsafe { address.read_volatile() });
        }
        ["log", words] => log::log(log::Level::Warn, &text(words)),
        ["log-not-utf8"] => {
            let bytes = black_box([0xff, 0xfe]);
            // SAFETY: none: this is the deed. The text is only lent to the host.
            log::log(log::Level::Warn, unsafe {
                std::str::from_utf8_unchecked(&bytes)
            });
        }
        // What the deed asks the host for finds no good room.
        ["give", trick, deed @ ..] => {
            trick_giving(trick);
            carry_out(deed, scene)?;
        }
        // For an answer of 4,242 bytes, which the host has freed after the call.
        ["free", trick] => trick_freeing(trick),
        ["emit", rows, parts @ ..] => emit(rows, parts, scene),
        ["emit-overlapping", count, bytes] => emit_overlapping(number(count), number(bytes)),
        ["emit-beyond-memory"] => emit_beyond_memory(),
        ["read", column] => drop(lent(scene).read(number(column))),
        ["differ", left, left_columns, right, right_columns] => {
            let (left, right) = (selection(left), selection(right));
            let (left_columns, right_columns) = (numbers(left_columns), numbers(right_columns));
            black_box(rows::differ(&left, &left_columns, &right, &right_columns));
        }
        ["keep-batch"] => {
            lent(scene).take_handle();
        }
        ["drop-batch"] => drop(batch(lent(scene).take_handle())),
        ["drop-batch-twice"] => {
            let handle = lent(scene).take_handle();
            drop(batch(handle));
            drop(batch(handle));
        }
        ["use-dropped-batch"] => {
            let handle = lent(scene).take_handle();
            drop(batch(handle));
            black_box(batch(handle).rows());
        }
        ["use-handle", handle] => {
            black_box(ManuallyDrop::new(batch(number(handle))).rows());
        }
        other => panic!("`{other:?}` is no order"),
    }
    Ok(())
}

fn error(about: &str, text: String) -> Error {
    match about {
        "options" => Error::Options(text),
        "schema" => Error::Schema(text),
        "data" => Error::Data(text),
        _ => Error::Other(text),
    }
}

fn lent<'a>(scene: &Scene<'a>) -> &'a Batch {
    scene.batch.expect("the call is lent a batch")
}

/// Makes a batch of any number.
pub(crate) fn batch(handle: u32) -> Batch {
    // SAFETY: none: this is the deed. The host knows which handles there are.
    unsafe { Batch::from_handle(handle) }
}

fn numbers(text: &str) -> Vec<u32> {
    let numbers = text.split(',').filter(|text| *text != "none");
    numbers.map(number).collect()
}

fn hoard() -> ! {
    let mut hoard: Vec<Vec<u8>> = vec![];
    loop {
        hoard.push(black_box(vec![1; 1 << 20]));
    }
}

/// Recurses until the stack is used up: the result is needed, so that it is no loop.
#[expect(unconditional_recursion, reason = "that is the deed")]
fn recurse(depth: usize) -> usize {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[depth % 64]
}

/// Emits one array of `count` buffers that are all the same memory.
fn emit_overlapping(count: u32, bytes: u32) {
    let memory = vec![0_u8; bytes as usize];
    let (start, length) = (memory.as_ptr().cast_mut(), memory.len());
    // SAFETY: none: this is the deed. The buffers are only read, and never dropped.
    let buffer = || unsafe { Vec::from_raw_parts(start, length, length) };
    emit_forgotten((0..count).map(|_| buffer()).collect());
}

/// Emits an array whose buffer is not in the guest's memory.
fn emit_beyond_memory() {
    let start = std::ptr::without_provenance_mut::<u8>(0xffff_0000);
    // SAFETY: none: this is the deed. The buffer is not read here, and never dropped.
    let buffer = unsafe { Vec::from_raw_parts(start, 0xffff, 0xffff) };
    emit_forgotten(vec![vec![], buffer]);
}

fn emit_forgotten(buffers: Vec<Vec<u8>>) {
    let nodes = vec![Node {
        length: 1,
        null_count: 0,
    }];
    let column = output::Column::Values(Array { nodes, buffers });
    let columns = ManuallyDrop::new(vec![column]);
    output::emit(1, &[], &columns);
}
