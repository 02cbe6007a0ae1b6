//! One connection, for one thread at a time, on which nothing waits for longer than it is told to.
//!
//! The library below is asynchronous. A line drives it on the caller's own thread, within a deadline: a server that is gone
//! without a word, or a way to it that swallows all that is sent, costs a caller seconds and never the thread.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Row, Statement};

use super::address::Address;
use super::fault::Fault;

/// Longer than any statement of ours takes. The server gives up before (`statement_timeout`), which is the better answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// For getting in.
const GREETING: Duration = Duration::from_secs(5);

/// For the statements that a ledger is made or moved with.
pub(super) const LONG: Duration = Duration::from_secs(3600);

/// Values of a statement.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection.
pub(super) struct Line {
    client: Client,
    heard: Receiver<()>,
    statements: HashMap<String, Statement>,
    patience: Duration,
    engine: Engine,
}

impl Line {
    /// Connects, and makes the session what `settings` (statements) say.
    pub(super) fn connect(address: &Address, settings: &str, patience: Duration) -> Result<Self, Fault> {
        let (config, tls) = address.now()?;
        let engine = Engine(Some(Builder::new_current_thread().enable_io().enable_time().build()?));
        let (client, connection) = engine.within(patience.min(GREETING), config.connect(tls))??;
        let (tell, heard) = channel();
        if let Some(runtime) = &engine.0 {
            runtime.spawn(Pump { connection, tell });
        }
        let line = Self { client, heard, statements: HashMap::new(), patience, engine };
        line.batch(settings)?;
        Ok(line)
    }

    /// Runs one statement, which is prepared the first time.
    pub(super) fn query(&mut self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Fault> {
        let statement = self.prepared(sql)?;
        Ok(self.engine.within(self.patience, self.client.query(&statement, values))??)
    }

    /// The one row of a statement, or none.
    pub(super) fn row(&mut self, sql: &str, values: Values<'_>) -> Result<Option<Row>, Fault> {
        Ok(self.query(sql, values)?.pop())
    }

    /// Runs one statement, and answers how many rows it changed.
    pub(super) fn execute(&mut self, sql: &str, values: Values<'_>) -> Result<u64, Fault> {
        let statement = self.prepared(sql)?;
        Ok(self.engine.within(self.patience, self.client.execute(&statement, values))??)
    }

    /// Runs several statements that have no values.
    pub(super) fn batch(&self, sql: &str) -> Result<(), Fault> {
        Ok(self.engine.within(self.patience, self.client.batch_execute(sql))??)
    }

    /// Runs `work` in a transaction.
    pub(super) fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.batch("BEGIN")?;
        let outcome = work(self);
        match &outcome {
            Ok(_) => self.batch("COMMIT")?,
            // A line that is lost has rolled back already.
            Err(fault) if fault.is_of_the_line() => {}
            Err(_) => self.batch("ROLLBACK")?,
        }
        outcome
    }

    /// Waits for so long, and answers whether the server has notified this session of something meanwhile.
    pub(super) fn listen(&self, wait: Duration) -> Result<bool, Fault> {
        if self.client.is_closed() {
            return Err(Fault::Io(std::io::ErrorKind::ConnectionReset.into()));
        }
        let first = self.heard.try_recv().is_ok();
        if !first {
            // Nothing else moves the connection: it is what is waited for.
            drop(self.engine.within(wait, std::future::pending::<()>()));
        }
        Ok(self.heard.try_iter().count() > 0 || first)
    }

    /// How long a statement may take from now on.
    pub(super) fn be_patient(&mut self, patience: Duration) {
        self.patience = patience;
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, Fault> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.engine.within(self.patience, self.client.prepare(sql))??;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// What drives the library, on the thread that asks.
struct Engine(Option<Runtime>);

impl Engine {
    /// What `future` comes to, if that is soon enough.
    fn within<F: Future>(&self, patience: Duration, future: F) -> Result<F::Output, Fault> {
        let Some(runtime) = &self.0 else { return Err(Fault::Silent(Duration::ZERO)) };
        let bounded = {
            // A timer belongs to a runtime.
            let _inside = runtime.enter();
            tokio::time::timeout(patience, future)
        };
        runtime.block_on(bounded).map_err(|_| Fault::Silent(patience))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A host's name may still be looked up, which nothing can end: not waited for.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Moves what is sent and received, while the line waits for something.
struct Pump<S, T> {
    connection: Connection<S, T>,
    tell: Sender<()>,
}

impl<S, T> Future for Pump<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.connection.poll_message(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(AsyncMessage::Notification(_)))) => {
                    // Nobody may be listening.
                    let _ = self.tell.send(());
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
            }
        }
    }
}
