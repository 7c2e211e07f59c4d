//! Registration of apps by their developers.
