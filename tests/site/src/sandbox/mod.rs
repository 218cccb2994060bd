//! A Mywellness sandbox over loopback HTTP: as strict as the third-party contract, with every fault a cloud can have.
//!
//! Reading order: `options` says who may call, `form` checks one body, `people`, `membership` and `visits` are what
//! Mywellness keeps, `cloud` answers calls by its `actions` and `lookups`, `classes` and `portal` are what goes on there
//! without the agent (all pure), `webhooks` tell of it, `fault`, `rate` and `spoil` stand in the way,
//! `record` remembers every request, `book` is all of it, `server` and `control` put it on a socket, and this file is
//! the handle a test holds.
//! Where the contract is silent the sandbox refuses: an unknown field or a sloppy date is an error, never ignored.

mod actions;
mod book;
mod classes;
mod cloud;
mod control;
mod fault;
mod form;
mod lookups;
mod membership;
mod options;
mod people;
mod portal;
mod rate;
mod record;
mod server;
mod spoil;
mod token;
mod visits;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;

pub use book::Book;
pub use classes::{Booking, Class};
pub use cloud::APPLICATION_ID;
pub use fault::{Fault, Injection, Shape, Work};
pub use membership::{Membership, Status};
pub use options::Options;
pub use people::{Known, Person};
pub use rate::RateLimit;
pub use record::{CameOfIt, Deed, Request, Tally, Told};
pub use visits::Visit;
pub use webhooks::{Notice, Post, Subscription, Topic};

use crate::port::Port;
use crate::world::{self, Task};

/// A running sandbox.
#[derive(Debug)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    port: Port,
    book: watch::Sender<Book>,
    listening: Mutex<Option<Server>>,
    /// The tellers of webhooks; they end with the sandbox.
    tellers: std::sync::Mutex<Vec<Task>>,
}

/// The accept loop; it ends when `stop` is dropped.
#[derive(Debug)]
struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Sandbox {
    /// Starts on a free port.
    pub async fn start(options: Options) -> Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), options).await
    }

    /// Starts on a given address.
    pub async fn start_at(address: SocketAddr, options: Options) -> Result<Self> {
        let inner = Inner {
            port: Port::reserve_at(address).with_context(|| format!("reserving {address}"))?,
            book: watch::Sender::new(Book::new(options)),
            listening: Mutex::new(None),
            tellers: std::sync::Mutex::default(),
        };
        let sandbox = Self { inner: Arc::new(inner) };
        sandbox.up().await?;
        Ok(sandbox)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.inner.port.address()
    }

    /// For `mywellness.base_url`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// What it was started with: facility, key, user and password.
    pub fn options(&self) -> Options {
        self.look(|book| book.cloud.options.clone())
    }

    /// Every visit it accepted, repetitions included: Mywellness is not known to dedupe.
    pub fn visits(&self) -> Vec<Visit> {
        self.look(|book| book.visits().to_vec())
    }

    /// Every person it knows, deleted ones included.
    pub fn users(&self) -> Vec<Person> {
        self.look(|book| book.users().to_vec())
    }

    /// The last requests it received, with secrets removed.
    pub fn requests(&self) -> Vec<Request> {
        self.look(|book| book.requests().to_vec())
    }

    /// Looks at its book without copying it. The question must not call the sandbox.
    pub fn look<T>(&self, question: impl FnOnce(&Book) -> T) -> T {
        question(&self.inner.book.borrow())
    }

    /// Waits until something holds of its book; the error tells the last requests.
    pub async fn wait_until(&self, wanted: impl FnMut(&Book) -> bool, within: Duration) -> Result<()> {
        world::wait_for(self.inner.book.subscribe(), wanted, within, Book::summary).await
    }

    /// Adds people who had a Mywellness account before the agent came.
    pub fn know(&self, people: impl IntoIterator<Item = Known>) {
        self.inner.book.send_modify(|book| {
            for known in people {
                book.cloud.people.know(&known);
            }
        });
    }

    /// Adds people as a JSON list, as `POST /__sandbox/people` takes it.
    ///
    /// # Errors
    /// When it is none; nobody is added then.
    pub fn introduce(&self, people: serde_json::Value) -> Result<()> {
        control::introduce(&self.inner, people)
    }

    /// Adds people whom Mywellness knows from another club: a call to make one of them finds them, and they join.
    pub fn know_elsewhere(&self, people: impl IntoIterator<Item = Known>) {
        self.inner
            .book
            .send_modify(|book| people.into_iter().for_each(|known| book.cloud.people.know_elsewhere(&known)));
    }

    /// From now on accepts an action outside the public contract, and answers it with success.
    pub fn learn(&self, action: &str) {
        self.inner.book.send_modify(|book| book.learn(action, None));
    }

    /// The same, with this as the `data` of its answers.
    pub fn learn_to_answer(&self, action: &str, data: serde_json::Value) {
        self.inner.book.send_modify(|book| book.learn(action, Some(data)));
    }

    /// Posts to a receiver of webhooks what happens from now on.
    ///
    /// # Errors
    /// When one of its headers cannot be one.
    pub fn notify(&self, subscription: Subscription) -> Result<()> {
        self.inner.notify(subscription)
    }

    /// Staff make a person of the facility at the portal, without the agent. Their user id, if there was room.
    pub fn create_in_portal(&self, known: &Known) -> Option<String> {
        self.inner.change(|book| book.create_in_portal(known, Timestamp::now()))
    }

    /// Adds a class to the calendar; a change of one that is there is told.
    pub fn put_class(&self, class: Class) {
        self.inner.change(|book| book.put_class(class, Timestamp::now()));
    }

    /// A member, by the club's own number, books a class in the app: its id and its partition date.
    pub fn book_in_app(&self, external_id: &str, class: (&str, u32)) -> Booking {
        self.inner.change(|book| book.book_in_app(external_id, class, Timestamp::now()))
    }

    /// A member cancels in the app.
    pub fn unbook_in_app(&self, external_id: &str, class: (&str, u32)) -> Booking {
        self.inner.change(|book| book.unbook_in_app(external_id, class, Timestamp::now()))
    }

    /// Spoils coming answers; several injections wait in line, and each request takes the first that fits it.
    pub fn inject(&self, injection: impl Into<Injection>) {
        let injection = injection.into();
        self.inner.book.send_modify(|book| book.inject(injection, Timestamp::now()));
    }

    /// Ends every injection, the rate limit and the suspension.
    pub fn heal(&self) {
        self.inner.book.send_modify(Book::heal);
    }

    /// Makes every token handed out so far invalid.
    pub fn expire_tokens(&self) {
        self.inner.book.send_modify(|book| book.cloud.expire_tokens());
    }

    /// Answers 429 to more than `per_second` requests within a second; `None` ends it.
    pub fn limit_rate(&self, per_second: Option<u32>) {
        self.limit(per_second.map(RateLimit::per_second));
    }

    /// Answers with a fault to more requests than a limit allows; `None` ends it.
    pub fn limit(&self, limit: Option<RateLimit>) {
        self.inner.book.send_modify(|book| book.limit(limit));
    }

    /// Refuses every call of the facility, logins included, until [`Sandbox::heal`].
    pub fn suspend_facility(&self) {
        self.inner.book.send_modify(|book| book.cloud.suspended = true);
    }

    /// Changes how strict the facility is while it runs. Who may call stays as it was at the start.
    pub fn change_options(&self, change: impl FnOnce(&mut Options)) {
        self.inner.change(|book| change(&mut book.cloud.options));
    }

    /// Stops listening and drops every connection: new ones are refused.
    pub async fn down(&self) {
        self.inner.down().await;
    }

    /// Refuses connections for so long, and returns at once.
    pub fn down_for(&self, lasting: Duration) {
        let inner = Arc::clone(&self.inner);
        world::spawn(async move { inner.down_for(lasting).await });
    }

    /// Listens again on the same port.
    pub async fn up(&self) -> Result<()> {
        self.inner.up().await
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The server holds the inner part too; without this it would keep itself alive.
        let inner = Arc::clone(&self.inner);
        world::spawn(async move {
            inner.tellers.lock().expect("nobody panics while holding it").clear();
            inner.down().await;
        });
    }
}

impl Inner {
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut changed = None;
        self.book.send_modify(|book| changed = Some(change(book)));
        changed.expect("a change is made at once")
    }

    pub(crate) fn notify(&self, subscription: Subscription) -> Result<()> {
        webhooks::headers(&subscription)?;
        let told = self.book.borrow().notices().len();
        let teller = Task::start(webhooks::tell(self.book.clone(), told, subscription));
        self.tellers.lock().expect("nobody panics while holding it").push(teller);
        Ok(())
    }

    pub(crate) async fn down(&self) {
        let server = self.listening.lock().await.take();
        if let Some(Server { stop, task }) = server {
            drop(stop);
            task.await.expect("the accept loop does not panic");
        }
    }

    pub(crate) async fn down_for(self: &Arc<Self>, lasting: Duration) {
        self.down().await;
        tokio::time::sleep(lasting).await;
        // Only an address taken by a stranger could fail here, and the port is reserved.
        let _ = self.up().await;
    }

    pub(crate) async fn up(self: &Arc<Self>) -> Result<()> {
        let mut listening = self.listening.lock().await;
        if listening.is_none() {
            let listener = self.port.listen().context("listening as the sandbox")?;
            let (stop, stopped) = oneshot::channel();
            let task = world::spawn(server::serve(listener, Arc::clone(self), stopped));
            *listening = Some(Server { stop, task });
        }
        Ok(())
    }
}
