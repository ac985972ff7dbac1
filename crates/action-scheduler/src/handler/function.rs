//! Handlers that are Rust functions.

use std::future::Future;
use std::marker::PhantomData;

use async_trait::async_trait;
use serde::de::DeserializeOwned;

use super::{Failure, Handler, HandlerContext};

/// An async function as a handler: its first parameter is read from the args, its second is the context.
pub struct Function<F, T>(F, PhantomData<fn(T)>);

impl<F, T> Function<F, T> {
    /// Wraps a function.
    pub fn new<Fut, E>(function: F) -> Self
    where
        F: Fn(T, HandlerContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send,
        E: Into<Failure>,
        T: DeserializeOwned + Send + 'static,
    {
        Self(function, PhantomData)
    }
}

#[async_trait]
impl<F, Fut, E, T> Handler for Function<F, T>
where
    F: Fn(T, HandlerContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<Failure>,
    T: DeserializeOwned + Send + 'static,
{
    async fn call(&self, context: &HandlerContext) -> Result<(), Failure> {
        let args = context.args().parse_as::<T>().map_err(|error| {
            Failure::permanent(format!("the args do not fit the handler: {error}"))
        })?;
        (self.0)(args, context.clone()).await.map_err(Into::into)
    }

    fn describe(&self) -> String {
        "function".to_owned()
    }
}
