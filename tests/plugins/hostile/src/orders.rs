//! What the guest was told to do, and how numbers and texts are written there.

use crate::bindings::columnar::{Batch, Field};

/// Orders, each for one call.
#[derive(Debug)]
pub(crate) struct Orders(Vec<Order>);

#[derive(Debug)]
struct Order {
    call: String,
    deed: Vec<String>,
}

impl Orders {
    /// Reads the option `do` of the options' JSON text.
    pub(crate) fn of_options(options: &str) -> Self {
        let value = options.split_once("\"do\":").map(|(_, rest)| rest);
        let value = value.and_then(|rest| rest.split('"').nth(1));
        let orders = value.unwrap_or_default().split(';');
        let order = |order: &str| {
            let (call, deed) = order.split_once(':')?;
            Some(Order {
                call: call.trim().to_owned(),
                deed: deed.split_whitespace().map(str::to_owned).collect(),
            })
        };
        Self(orders.filter_map(order).collect())
    }

    /// Returns the deeds for a call, as their words.
    pub(crate) fn of<'a>(&'a self, call: &str) -> impl Iterator<Item = Vec<&'a str>> {
        let orders = self.0.iter().filter(move |order| order.call == call);
        let deeds = orders.map(|order| order.deed.iter().map(String::as_str).collect());
        deeds.collect::<Vec<_>>().into_iter()
    }

    /// Returns the fields that are promised in a call, or `usual` if there is no such order.
    pub(crate) fn promised(&self, call: &str, usual: &[Field]) -> Vec<Field> {
        let promise = self
            .of(call)
            .find(|deed| deed.first() == Some(&"promise"))
            .map(|deed| deed[1..].iter().map(|word| field(word)).collect());
        promise.unwrap_or_else(|| usual.to_vec())
    }
}

/// What a deed may look at.
pub(crate) struct Scene<'a> {
    /// The batch of the call, if it has one.
    pub(crate) batch: Option<&'a Batch>,
    /// How many columns rows that are emitted have.
    pub(crate) columns: u32,
}

impl Scene<'_> {
    /// What calls without a batch are in.
    pub(crate) const BARE: Self = Self {
        batch: None,
        columns: 0,
    };

    /// Reads `7`, or with the number of rows as `n`: `n`, `8n`, `n+1`, `n-1`.
    pub(crate) fn count(&self, text: &str) -> u32 {
        let Some((times, rest)) = text.split_once('n') else {
            return number(text);
        };
        let times = if times.is_empty() { 1 } else { number(times) };
        let rows = times * self.batch.map_or(0, Batch::rows);
        match rest.split_at_checked(1) {
            Some(("+", more)) => rows + number(more),
            Some(("-", fewer)) => rows - number(fewer),
            _ => rows,
        }
    }
}

fn field(word: &str) -> Field {
    let (name, rest) = word.split_once('=').expect("NAME=FORMAT");
    let (rest, children) = rest.split_once('/').unwrap_or((rest, "0"));
    let format = rest.strip_suffix('?');
    Field {
        name: text(name),
        format: text(format.unwrap_or(rest)),
        nullable: format.is_some(),
        children: number(children),
    }
}

pub(crate) fn number(text: &str) -> u32 {
    text.parse().expect("a number")
}

/// Reads a text, in which `%1b` is a byte, and `a*300` a text that is repeated.
pub(crate) fn text(word: &str) -> String {
    let (word, times) = word.split_once('*').unwrap_or((word, "1"));
    let mut bytes = vec![];
    let mut rest = word.as_bytes();
    while let [first, after @ ..] = rest {
        if let (b'%', [high, low, after @ ..]) = (first, after) {
            bytes.push(hexadecimal(*high) << 4 | hexadecimal(*low));
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    let text = String::from_utf8(bytes).expect("UTF-8");
    text.repeat(number(times) as usize)
}

pub(crate) fn hexadecimal(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => panic!("a hexadecimal digit"),
    }
}
