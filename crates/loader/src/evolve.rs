//! How schemas grow: the type lattice, and batches brought to a wider schema.
