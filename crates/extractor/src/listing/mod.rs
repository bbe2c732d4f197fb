//! Listings that prove themselves, over the paging machines.

mod calls;
mod pages;
mod prove;
mod timeless;
mod walk;

pub(crate) use self::calls::Calls;
