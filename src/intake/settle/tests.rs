//! Cases as a table, and random sequences against what any correct machine must keep.

mod cases;
mod model;
