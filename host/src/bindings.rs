//! The contract in `wit/`, as Rust. The modules of the embedding API have types of their own: see `mirror.rs`.

mod generated {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "plugin",
        imports: { default: trappable },
        additional_derives: [Clone],
    });
}

pub(crate) use generated::baton::plugin::{attributes, scratch, store, types, waiting};
pub(crate) use generated::exports::baton::plugin::{
    builds, channels, circleci, retention, signatures, transfer,
};
pub(crate) use generated::{Plugin, PluginPre};
