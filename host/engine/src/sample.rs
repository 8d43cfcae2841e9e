//! A part of all keys, the same one wherever it is asked for.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::take::take_record_batch;
use wigeon_lanes::exchange::Router;

/// A share of the keys, chosen by the hash that routes rows to lanes: the keys with the smallest.
///
/// The upper half of the hash decides, and the bucket is in the lower, so that the sample is spread
/// over all lanes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    percent: f64,
}

impl Sample {
    /// Returns a sample of so many percent, more than 0 and at most 100.
    pub fn try_new(percent: f64) -> Option<Self> {
        (percent > 0.0 && percent <= 100.0).then_some(Self { percent })
    }

    /// Returns how many percent of the keys there are in it, about.
    pub fn percent(self) -> f64 {
        self.percent
    }

    /// Returns the rows whose key, in these columns, is in the sample.
    pub(crate) fn rows(
        self,
        batch: &RecordBatch,
        key: &[usize],
    ) -> Result<RecordBatch, ArrowError> {
        self.rows_of(batch, &batch.project(key)?)
    }

    /// Returns the rows whose key, in another batch of as many rows, is in the sample.
    pub(crate) fn rows_of(
        self,
        batch: &RecordBatch,
        key: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let router = Router::new((0..key.num_columns()).collect(), 1);
        let kept = router.kept(key, |hash| self.contains(hash))?;
        take_record_batch(batch, &kept)
    }

    fn contains(self, hash: u64) -> bool {
        // 32 bits are exact as a float.
        let upper = u32::try_from(hash >> 32).unwrap_or(u32::MAX);
        f64::from(upper) < self.percent / 100.0 * 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    fn sampled(percent: f64) -> usize {
        let schema = Schema::new(vec![Field::new("id", DataType::Int64, false)]);
        let ids = Int64Array::from_iter_values(0..10_000);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids)]).unwrap();
        let sample = Sample::try_new(percent).unwrap();
        sample.rows(&batch, &[0]).unwrap().num_rows()
    }

    #[test]
    fn a_sample_has_about_so_many_keys() {
        assert_eq!(sampled(100.0), 10_000);
        let (tenth, half) = (sampled(10.0), sampled(50.0));
        assert!((900..1_100).contains(&tenth), "{tenth}");
        assert!((4_800..5_200).contains(&half), "{half}");
    }

    #[test]
    fn a_sample_is_a_part_and_not_nothing() {
        for percent in [0.0, -1.0, 100.1, f64::NAN] {
            assert_eq!(Sample::try_new(percent), None);
        }
    }
}
