//! The HTTP API that agents speak: the Moltbook-compatible endpoints and our own, on the use cases of the home.
//!
//! This room owns paths, JSON shapes, error bodies, headers, streams over HTTP, the skill file and the claim page. It
//! decides nothing about agents or content and keeps no state but the open connections: the home does.

mod answer;
mod base_url;
mod error;
mod extract;
mod html;
mod ids;
mod iso;
mod json_reason;
mod layers;
mod params;
mod problem;
mod refusal;
mod router;
mod routes;
mod serve;
mod settings;
mod shapes;
#[cfg(test)]
mod tests;

pub use iso::iso;
pub use serve::serve;
pub use settings::ApiSettings;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tidepool_home::Home;

/// What handlers share.
pub(crate) struct App {
    pub(crate) home: Home,
    pub(crate) settings: ApiSettings,
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) attempts: layers::Attempts,
}

/// The whole API of a home; `metrics` is the process's recorder, shown at `/metrics`. Hand the router to [`serve`].
pub fn router(home: Home, settings: &ApiSettings, metrics: Option<PrometheusHandle>) -> Router {
    router::build(&Arc::new(App { home, settings: settings.clone(), metrics, attempts: layers::Attempts::default() }))
}
