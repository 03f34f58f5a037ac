//! hdl-templates
