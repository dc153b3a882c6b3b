//! Commands, listeners, shutdown and the operator's view.
