//! Types of the embedding API from the contract's types, and back. The API has types of its own, so that a change of the
//! contract is not a change of the API, and so that an embedder never sees generated code.

/// Converts between a type of the contract and the type of the API that mirrors it.
pub(crate) trait Convert<T> {
    fn convert(self) -> T;
}

macro_rules! same {
    ($($type:ty),*) => {
        $(impl Convert<$type> for $type {
            fn convert(self) -> $type {
                self
            }
        })*
    };
}
same!(bool, u8, u16, u32, u64, i64, String);

impl<T: Convert<U>, U> Convert<Vec<U>> for Vec<T> {
    fn convert(self) -> Vec<U> {
        self.into_iter().map(T::convert).collect()
    }
}

impl<T: Convert<U>, U> Convert<Option<U>> for Option<T> {
    fn convert(self) -> Option<U> {
        self.map(T::convert)
    }
}

/// Defines a public struct or enum with the fields or variants of a type of the contract, and the conversions.
macro_rules! mirror {
    (
        $(#[$meta:meta])*
        pub struct $name:ident = $module:ident::$wit:ident {
            $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type),*
        }

        impl $crate::mirror::Convert<$name> for $crate::bindings::$module::$wit {
            fn convert(self) -> $name {
                $name { $($field: $crate::mirror::Convert::convert(self.$field)),* }
            }
        }

        impl $crate::mirror::Convert<$crate::bindings::$module::$wit> for $name {
            fn convert(self) -> $crate::bindings::$module::$wit {
                $crate::bindings::$module::$wit { $($field: $crate::mirror::Convert::convert(self.$field)),* }
            }
        }
    };
    (
        $(#[$meta:meta])*
        pub enum $name:ident = $module:ident::$wit:ident {
            $($(#[$variant_meta:meta])* $variant:ident),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_meta])* $variant),*
        }

        impl $crate::mirror::Convert<$name> for $crate::bindings::$module::$wit {
            fn convert(self) -> $name {
                match self {
                    $($crate::bindings::$module::$wit::$variant => $name::$variant),*
                }
            }
        }

        impl $crate::mirror::Convert<$crate::bindings::$module::$wit> for $name {
            fn convert(self) -> $crate::bindings::$module::$wit {
                match self {
                    $($name::$variant => $crate::bindings::$module::$wit::$variant),*
                }
            }
        }
    };
    // An enum of which each variant holds a value.
    (
        $(#[$meta:meta])*
        pub variant $name:ident = $module:ident::$wit:ident {
            $($(#[$variant_meta:meta])* $variant:ident($type:ty)),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* $variant($type)),*
        }

        impl $crate::mirror::Convert<$name> for $crate::bindings::$module::$wit {
            fn convert(self) -> $name {
                match self {
                    $($crate::bindings::$module::$wit::$variant(it) => $name::$variant($crate::mirror::Convert::convert(it))),*
                }
            }
        }

        impl $crate::mirror::Convert<$crate::bindings::$module::$wit> for $name {
            fn convert(self) -> $crate::bindings::$module::$wit {
                match self {
                    $($name::$variant(it) => $crate::bindings::$module::$wit::$variant($crate::mirror::Convert::convert(it))),*
                }
            }
        }
    };
}
pub(crate) use mirror;
