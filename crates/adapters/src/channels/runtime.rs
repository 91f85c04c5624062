//! Work that waits for others, for a short time only.

use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Longest time for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A runtime of its own for one outlet: it works while the outlet is asked, and rests in between.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Waits for work on many things, and longer for more of them.
pub(super) fn within_many<T>(runtime: &Runtime, many: usize, work: impl Future<Output = T>) -> Option<T> {
    let patience = PATIENCE.saturating_mul(u32::try_from(1 + many / 100).unwrap_or(u32::MAX));
    runtime.block_on(async { tokio::time::timeout(patience, work).await.ok() })
}

/// Waits for some work, and no longer than [`PATIENCE`].
pub(super) fn within<T>(runtime: &Runtime, work: impl Future<Output = T>) -> Option<T> {
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.ok() })
}
