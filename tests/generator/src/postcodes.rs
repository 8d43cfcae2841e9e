//! The fixed list of postcodes, and how popular each is.

/// The letters of the postcode areas of the United Kingdom.
const AREAS: [&str; 124] = [
    "AB", "AL", "B", "BA", "BB", "BD", "BH", "BL", "BN", "BR", "BS", "BT", "CA", "CB", "CF", "CH",
    "CM", "CO", "CR", "CT", "CV", "CW", "DA", "DD", "DE", "DG", "DH", "DL", "DN", "DT", "DY", "E",
    "EC", "EH", "EN", "EX", "FK", "FY", "G", "GL", "GU", "GY", "HA", "HD", "HG", "HP", "HR", "HS",
    "HU", "HX", "IG", "IM", "IP", "IV", "JE", "KA", "KT", "KW", "KY", "L", "LA", "LD", "LE", "LL",
    "LN", "LS", "LU", "M", "ME", "MK", "ML", "N", "NE", "NG", "NN", "NP", "NR", "NW", "OL", "OX",
    "PA", "PE", "PH", "PL", "PO", "PR", "RG", "RH", "RM", "S", "SA", "SE", "SG", "SK", "SL", "SM",
    "SN", "SO", "SP", "SR", "SS", "ST", "SW", "SY", "TA", "TD", "TF", "TN", "TQ", "TR", "TS", "TW",
    "UB", "W", "WA", "WC", "WD", "WF", "WN", "WR", "WS", "WV", "YO", "ZE",
];

/// Districts in each area; real areas have between one and some 80.
const DISTRICTS: usize = 24;

/// Entries of the table that a draw looks into.
const DRAWS: usize = 1 << 16;

/// Ranks that are nearly as popular as the first; without them one postcode in eight
/// users would be the same.
const FLAT_RANKS: u64 = 30;

/// The postcodes with their popularity.
pub(crate) struct Postcodes {
    list: Vec<String>,
    /// Places in `list`, each as often as it is popular.
    draws: Vec<u16>,
}

impl Postcodes {
    pub(crate) fn new() -> Self {
        let list: Vec<String> = AREAS
            .iter()
            .flat_map(|area| (1..=DISTRICTS).map(move |district| format!("{area}{district}")))
            .collect();
        let draws = draws(list.len());
        Self { list, draws }
    }

    /// The postcode that a random number falls on, by its upper 16 bits.
    pub(crate) fn draw(&self, number: u64) -> &str {
        let entry = usize::try_from(number >> 48).expect("16 bits fit");
        &self.list[usize::from(self.draws[entry])]
    }

    #[cfg(test)]
    pub(crate) fn list(&self) -> &[String] {
        &self.list
    }
}

/// Zipf's law with a flat head, in whole numbers so that every machine agrees.
fn draws(postcodes: usize) -> Vec<u16> {
    let weight = |rank: u64| (1 << 40) / (rank + FLAT_RANKS);
    let ranks = u64::try_from(postcodes).expect("the list is short");
    let total: u64 = (0..ranks).map(weight).sum();
    let mut draws = Vec::with_capacity(DRAWS);
    let mut rank = 0;
    let mut reached = weight(0);
    for entry in 0..DRAWS as u64 {
        // 2^16 entries times a total below 2^44 stay below 2^64.
        while reached * (DRAWS as u64) <= entry * total {
            rank += 1;
            reached += weight(rank);
        }
        // 1,009 is prime to the length of the list, so every rank has its own place, and
        // the popular postcodes are not all in Aberdeen.
        let place = (rank * 1_009 + 7) % ranks;
        draws.push(u16::try_from(place).expect("the list is short"));
    }
    draws
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn list_has_about_three_thousand_different_postcodes() {
        let postcodes = Postcodes::new();
        let different: BTreeSet<&String> = postcodes.list().iter().collect();
        assert_eq!(different.len(), 2_976);
        assert!(different.contains(&"SW19".to_owned()));
        assert!(different.contains(&"AB10".to_owned()));
    }

    #[test]
    fn every_postcode_is_drawn_and_some_far_more_often() {
        let postcodes = Postcodes::new();
        let mut counts = vec![0; postcodes.list().len()];
        for place in &postcodes.draws {
            counts[usize::from(*place)] += 1;
        }
        assert_eq!(postcodes.draws.len(), DRAWS);
        assert!(counts.iter().all(|count| *count > 0));
        assert!(counts.iter().max().unwrap() / counts.iter().min().unwrap() > 50);
    }
}
