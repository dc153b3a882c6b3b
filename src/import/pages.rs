//! Reads a table in pages and converts them on other threads, while the pages before them are written.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::context::Context;
use super::notes::Note;
use super::report::{Count, Reason};
use crate::store::StoreError;
use crate::store::django::SourceRow;
use crate::store::import::ImportTable;

/// Rows of the first page; each further one has twice as many, up to the table's limit. So a small table is written in steps too.
const FIRST_PAGE: usize = 1000;

/// Rows of one page, converted.
pub struct Page<T> {
    /// Rows that were read.
    pub read: usize,
    /// Rows to write, in the order of the source.
    pub rows: Vec<T>,
    /// The others, by reason.
    pub skipped: BTreeMap<Reason, Count>,
    /// Rows that a note of the report counts.
    pub notes: BTreeMap<Note, Count>,
}

impl<T> Page<T> {
    pub fn new(read: usize) -> Self {
        Self { read, rows: Vec::with_capacity(read), skipped: BTreeMap::new(), notes: BTreeMap::new() }
    }

    pub fn skip(&mut self, reason: Reason, id: impl Into<Option<i64>>) {
        self.skipped.entry(reason).or_default().add(id);
    }

    pub fn note(&mut self, note: Note, id: i64) {
        self.notes.entry(note).or_default().add(id);
    }

    /// Keeps the row, or counts the reason why it is skipped.
    pub fn push(&mut self, row: Result<T, Reason>, id: impl Into<Option<i64>>) {
        match row {
            Ok(row) => self.rows.push(row),
            Err(reason) => self.skip(reason, id),
        }
    }
}

/// A table of Django whose rows are imported.
pub trait SourceTable: SourceRow {
    /// The rows that they become.
    type Row: Send + Sync + 'static;
    /// The table of those.
    const TARGET: ImportTable;

    /// Converts a page. Not called on a thread of the runtime, so it may block.
    ///
    /// Errors: Django's database cannot be read.
    fn convert(context: &Context, rows: Vec<Self>) -> Result<Page<Self::Row>, StoreError>;
}

/// A page that is being converted.
type Conversion<T> = JoinHandle<Result<Page<T>, StoreError>>;

/// Pages of a table in order, some of them not yet converted.
pub struct Pages<T>(mpsc::Receiver<Result<Conversion<T>, StoreError>>);

impl<T> Pages<T> {
    /// The next page. `None`: there is no other.
    ///
    /// Errors: Django's database cannot be read.
    pub async fn next(&mut self) -> Option<Result<Page<T>, StoreError>> {
        match self.0.recv().await? {
            Ok(converting) => match converting.await {
                Ok(page) => Some(page),
                // The runtime cancels no blocking task that has begun, so the task panicked or the program ends.
                Err(error) => error.try_into_panic().map_or(None, |panic| resume_unwind(panic)),
            },
            Err(error) => Some(Err(error)),
        }
    }
}

/// Begins to read the table. At most four pages are in memory: one is read, two wait, and the caller has one.
pub fn read_ahead<T: SourceTable>(context: &Arc<Context>) -> Pages<T::Row> {
    let (sender, receiver) = mpsc::channel(1);
    let context = context.clone();
    tokio::spawn(async move {
        let mut after = T::lowest_key();
        let mut size = FIRST_PAGE.min(T::MAX_PAGE);
        loop {
            let converting = match T::page(&context.source, &after, size).await {
                Ok(rows) => {
                    let Some(last) = rows.last() else { return };
                    after = last.key();
                    let context = context.clone();
                    Ok(spawn_blocking(move || T::convert(&context, rows)))
                }
                Err(error) => Err(error),
            };
            let is_last = converting.is_err();
            if sender.send(converting).await.is_err() || is_last {
                return;
            }
            size = (2 * size).min(T::MAX_PAGE);
        }
    });
    Pages(receiver)
}
