//! The client: the number of workers, their memory limit, and the dashboard. A default client
//! always exists; a client that the user starts replaces it until it is closed.

mod future;

pub use future::{Future, as_completed, gather, wait};

use crate::config::{self, Cluster};
use crate::delayed::args::{IntoArgs, TaskFn};
use crate::delayed::delayed;
use crate::error::{ErrorKind, Result};
use crate::sched::dashboard;
use crate::show::{self, Bundle, Show, html};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A handle of the workers of this process.
///
/// Without one, a default client is used: a worker per core on machines of up to four cores, else
/// fewer workers with several threads each, which share all of the machine's memory, as in Dask.
///
/// ```
/// use rask::prelude::*;
/// let client = Client::local().workers(2).threads_per_worker(1).memory_limit("1GB").start()?;
/// let future = client.submit(|x: u64| x + 1, (1,));
/// assert_eq!(future.result()?, 2);
/// client.close();
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    number: u64,
}

/// The number of the current client; zero is the default one.
static CURRENT: AtomicU64 = AtomicU64::new(0);

/// Builder of a client, created by [`Client::local`].
#[derive(Debug, Clone, Default)]
#[must_use = "no client is started before start()"]
pub struct Local {
    workers: Option<usize>,
    threads: Option<usize>,
    memory: Option<String>,
    folder: Option<String>,
}

impl Local {
    /// Sets the number of workers.
    pub fn workers(mut self, n: usize) -> Self {
        self.workers = Some(n);
        self
    }

    /// Sets the number of threads per worker. If only the number of workers is given, the default
    /// is as many as it takes to use every core.
    pub fn threads_per_worker(mut self, n: usize) -> Self {
        self.threads = Some(n);
        self
    }

    /// Sets the memory limit of each worker: `"2GB"`, `"500 MiB"`, a fraction of the machine's
    /// memory such as `"0.5"`, or `"0"` for no limit. Above 60 % of it, unused values and rows of
    /// frames are spilled to disk; above 80 %, no task is started that only adds values.
    pub fn memory_limit(mut self, limit: &str) -> Self {
        self.memory = Some(limit.to_owned());
        self
    }

    /// Sets the folder of spilled values. Default: the system's folder of temporary files.
    pub fn local_directory(mut self, folder: &str) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Starts the workers; later computations run on them.
    ///
    /// # Errors
    /// Fails if the number of workers or threads is zero or too large, the memory limit is invalid,
    /// or the folder does not exist.
    pub fn start(self) -> Result<Client> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let cluster = self.cluster()?;
        let client = Client { number: NEXT.fetch_add(1, Ordering::SeqCst) };
        config::set_cluster(cluster);
        CURRENT.store(client.number, Ordering::SeqCst);
        Ok(client)
    }

    fn cluster(&self) -> Result<Cluster> {
        const MOST: usize = 1024;
        let bad = |method: &str, message: String| ErrorKind::BadArgument {
            method: method.to_owned(),
            message,
        };
        for (method, n) in [("workers", self.workers), ("threads_per_worker", self.threads)] {
            if n.is_some_and(|n| n == 0 || n > MOST) {
                return Err(bad(
                    method,
                    format!(
                        "{} is not a valid value of `{method}`: expected 1 to {MOST}",
                        n.unwrap_or(0)
                    ),
                )
                .into());
            }
        }
        let memory = self.memory.as_deref().map(limit).transpose()?;
        let mut cluster = Cluster::local(self.workers, self.threads, memory);
        if cluster.threads() > 4 * MOST {
            return Err(bad(
                "start",
                format!(
                    "{} threads in total are too many: expected at most {}",
                    cluster.threads(),
                    4 * MOST
                ),
            )
            .into());
        }
        if let Some(folder) = &self.folder {
            if !std::path::Path::new(folder).is_dir() {
                return Err(
                    bad("local_directory", format!("folder {folder:?} does not exist")).into()
                );
            }
            cluster.local_directory = folder.into();
        }
        Ok(cluster)
    }
}

/// Parses a memory limit: bytes, a fraction of the machine's memory, or `None` for no limit.
fn limit(text: &str) -> Result<Option<u64>> {
    if let (Ok(part), Some(all)) = (text.trim().parse::<f64>(), config::system_memory())
        && part > 0.0
        && part <= 1.0
    {
        return Ok(Some((part * all as f64) as u64));
    }
    Ok(Some(config::bytes("memory_limit", text)?).filter(|bytes| *bytes > 0))
}

impl Client {
    /// Returns a builder of a client on this machine; defaults are those of Dask.
    pub fn local() -> Local {
        Local::default()
    }

    /// Returns the current client: the one started last, unless it is closed, or the default one.
    #[must_use]
    pub fn current() -> Self {
        Self { number: CURRENT.load(Ordering::SeqCst) }
    }

    /// Closes the client: if it is the current one, the default client is current again. Values in
    /// memory are kept.
    pub fn close(&self) {
        if self.number > 0
            && CURRENT.compare_exchange(self.number, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        {
            config::set_cluster(Cluster::local(None, None, None));
        }
    }

    /// Returns whether this is the current client.
    #[must_use]
    pub fn is_current(&self) -> bool {
        CURRENT.load(Ordering::SeqCst) == self.number
    }

    /// Returns the link to the dashboard, a live page of the workers, tasks, memory and task stream
    /// of every computation of this session. It is served from the first call on, only to this
    /// machine, and only with the token in the link.
    ///
    /// # Panics
    /// Panics if no port is free.
    #[must_use]
    pub fn dashboard_link(&self) -> String {
        dashboard::link().unwrap_or_else(|e| panic!("{e}"))
    }

    /// Returns the number of workers.
    #[must_use]
    pub fn nworkers(&self) -> usize {
        config::cluster().workers
    }

    /// Returns the number of threads of all workers together.
    #[must_use]
    pub fn nthreads(&self) -> usize {
        config::threads()
    }

    /// Runs a function in the background, starting now. Arguments are those of a
    /// [`Delayed`](crate::prelude::Delayed) call, or futures: the function starts when they have
    /// finished.
    pub fn submit<A, F, I>(&self, function: F, args: I) -> Future<F::Output>
    where
        A: Send + Sync + 'static,
        F: TaskFn<A>,
        F::Output: Clone,
        I: IntoArgs<A>,
    {
        Future::begin(&delayed(function).call(args))
    }

    /// Runs a function of one argument for every item, in the background.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let client = Client::current();
    /// let squares = client.map(|x: u64| x * x, 0..4);
    /// assert_eq!(client.gather(&squares)?, [0, 1, 4, 9]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn map<T, U, F>(&self, function: F, items: impl IntoIterator<Item = T>) -> Vec<Future<U>>
    where
        T: Clone + Send + Sync + 'static,
        U: Clone + Send + Sync + 'static,
        F: Fn(T) -> U + Send + Sync + 'static,
    {
        let (function, mut futures) = (delayed(function), Vec::new());
        for item in items {
            futures.push(Future::begin(&function.call((item,))));
        }
        futures
    }

    /// Waits for futures and returns their values, in the same order.
    ///
    /// # Errors
    /// Returns the first error, in the order of the futures.
    pub fn gather<T: Clone + Send + Sync + 'static>(
        &self,
        futures: &[Future<T>],
    ) -> Result<Vec<T>> {
        gather(futures)
    }

    /// Returns a finished future of an existing value; calls that take it as an argument share the
    /// value.
    pub fn scatter<T: Clone + Send + Sync + 'static>(&self, value: T) -> Future<T> {
        Future::finished(value)
    }
}

impl Show for Client {
    fn show(&self) -> Bundle {
        card(self.number, self.is_current())
    }
}

#[inline(never)]
fn card(number: u64, current: bool) -> Bundle {
    let cluster = config::cluster();
    let memory = cluster
        .memory_limit
        .map_or_else(|| "no limit".to_owned(), |m| html::bytes(m * cluster.workers as u64));
    let each = cluster.memory_limit.map_or_else(|| "no limit".to_owned(), html::bytes);
    let state = if current { "" } else { " (closed; showing the current workers)" };
    let name = if number == 0 { "default".to_owned() } else { number.to_string() };
    let link = dashboard::link().unwrap_or_else(|e| e.to_string());
    let text = format!(
        "Client {name}{state}: {} workers, {} threads, {memory} of memory, dashboard {link}",
        cluster.workers,
        cluster.threads()
    );
    let row = |what: &str, value: &str| {
        format!(
            "<tr><th style=\"text-align:left;padding:1px 24px 1px 0;font-weight:normal;color:{}\">{what}</th><td style=\"text-align:left\">{value}</td></tr>",
            html::FAINT
        )
    };
    let rows = [
        row("Workers", &cluster.workers.to_string()),
        row(
            "Threads",
            &format!("{} ({} per worker)", cluster.threads(), cluster.threads_per_worker),
        ),
        row("Memory", &format!("{memory} ({each} per worker)")),
        row(
            "Dashboard",
            &format!(
                "<a href=\"{0}\" target=\"_blank\">{1}</a>",
                html::escape(&link),
                html::escape(link.split("?token").next().unwrap_or(&link))
            ),
        ),
    ];
    let html = format!(
        "<div style=\"border:1px solid {};border-radius:6px;padding:8px 14px;display:inline-block\"><div><b>Client</b> \
         <span style=\"color:{}\">{name}{state} &middot; threads of this process</span></div>\
         <table style=\"border-collapse:collapse;margin:4px 0 0;font-variant-numeric:tabular-nums\">{}</table></div>",
        html::LINE,
        html::FAINT,
        rows.concat()
    );
    Bundle::text(text).with("text/html", html)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}

#[cfg(test)]
mod tests;
