//! A made-up past, and its extracts as bytes.

use std::{
    fmt,
    io::{self, Write},
};

use chrono::Days;

use crate::{
    encode::Encoder,
    extract::Extract,
    population::{Entry, Population},
    settings::Settings,
    views::{HourlyViews, Time},
};

/// A made-up past of users and views, from which every extract can be written alone.
pub struct History {
    settings: Settings,
    population: Population,
    /// Written out from [`Time::DAYS_BEFORE_START`] days before day 0 on.
    dates: Vec<String>,
}

impl History {
    /// Returns the history of `settings`; this costs a few microseconds a day.
    ///
    /// # Panics
    ///
    /// If a setting is outside its documented range.
    pub fn new(settings: Settings) -> Self {
        assert!(settings.users < 1 << 31, "at most 2^31 users");
        assert!(settings.days <= 36_500, "at most 36,500 days");
        assert!(
            (0.0..=1.0).contains(&settings.movers),
            "the share of movers is between 0 and 1"
        );
        let first = settings.start - Days::new(u64::from(Time::DAYS_BEFORE_START));
        let days = u64::from(Time::DAYS_BEFORE_START + settings.days);
        let dates = (0..days)
            .map(|day| (first + Days::new(day)).to_string())
            .collect();
        Self {
            population: Population::new(&settings),
            settings,
            dates,
        }
    }

    /// Returns what the history was made from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns all extracts of all days, in their order.
    pub fn extracts(&self) -> Vec<Extract> {
        (0..self.settings.days).flat_map(Extract::of_day).collect()
    }

    /// Returns the name of an extract's file, such as `pageview_extract_2019-10-11T14.csv`.
    ///
    /// # Panics
    ///
    /// If the extract's day is not below [`Settings::days`].
    pub fn file_name(&self, extract: Extract) -> String {
        let date = self.date(extract.day);
        let suffix = self.settings.format.suffix();
        match extract.hour {
            None => format!("users_extract_{date}.{suffix}"),
            Some(hour) => format!("pageview_extract_{date}T{hour:02}.{suffix}"),
        }
    }

    /// Returns what the users extract of `day` says of user `id`; `day < settings.days`.
    pub fn entry(&self, id: u64, day: u32) -> Entry<'_> {
        self.population.entry(id, day)
    }

    /// Writes one extract in the format of the settings, and returns its number of rows.
    ///
    /// # Errors
    ///
    /// What `writer` fails with.
    ///
    /// # Panics
    ///
    /// If the extract's day is not below [`Settings::days`], or its hour not below 24.
    pub fn write(&self, extract: Extract, writer: impl Write) -> io::Result<u64> {
        match extract.hour {
            None => self.write_users(extract.day, writer),
            Some(hour) => self.write_views(extract.day, hour, writer),
        }
    }

    /// Writes the users extract of `day`, by id, and returns its number of rows.
    ///
    /// # Errors
    ///
    /// What `writer` fails with.
    ///
    /// # Panics
    ///
    /// If `day` is not below [`Settings::days`].
    pub fn write_users(&self, day: u32, writer: impl Write) -> io::Result<u64> {
        assert!(
            day < self.settings.days,
            "the history ends before day {day}"
        );
        self.encode(writer, "id,postcode", |encoder| {
            for id in self.population.ids(day) {
                if let Entry::Listed(postcode) = self.population.entry(id, day) {
                    encoder.user(id, postcode)?;
                }
            }
            Ok(())
        })
    }

    /// Writes the view extract of `hour` of `day`, and returns its number of rows.
    ///
    /// # Errors
    ///
    /// What `writer` fails with.
    ///
    /// # Panics
    ///
    /// If `day` is not below [`Settings::days`], or `hour` not below 24.
    pub fn write_views(&self, day: u32, hour: u32, writer: impl Write) -> io::Result<u64> {
        assert!(
            day < self.settings.days,
            "the history ends before day {day}"
        );
        assert!(hour < 24, "a day has no hour {hour}");
        let settings = &self.settings;
        let rows = HourlyViews::new(
            &self.population,
            settings.seed,
            settings.views_per_day,
            day,
            hour,
        );
        self.encode(writer, "user_id,url,pageview_datetime", |encoder| {
            (0..rows.rows()).try_for_each(|place| encoder.view(&rows.row(place), &self.dates))
        })
    }

    fn encode<W: Write>(
        &self,
        writer: W,
        header: &str,
        rows: impl FnOnce(&mut Encoder<W>) -> io::Result<()>,
    ) -> io::Result<u64> {
        let mut encoder = Encoder::new(writer, self.settings.format, header);
        rows(&mut encoder)?;
        encoder.finish()
    }

    fn date(&self, day: u32) -> &str {
        let place = usize::try_from(day + Time::DAYS_BEFORE_START).expect("32 bits fit");
        &self.dates[place]
    }
}

impl fmt::Debug for History {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("History")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
