//! A real browser at the console's pages: Chromium without a screen, driven as a person would use it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fantoccini::elements::Element;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::club::SOON;

/// How often a page is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A browser with one window. Dropping it ends it: its driver is killed, and Chromium ends with its pipe.
pub(crate) struct Browser {
    page: Client,
    _driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// A browser of its own, with nothing kept from any other.
    pub(crate) async fn open() -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting chromedriver, of Debian's chromium-driver")?;
        let port = timeout(SOON, port_of(&mut driver)).await.context("chromedriver does not say its port")??;
        let folder = profile.path().display();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            "--window-size=1280,900",
            "--lang=en",
        ]
        .map(str::to_owned);
        let arguments: Vec<_> = arguments.into_iter().chain([format!("--user-data-dir={folder}")]).collect();
        let mut wanted = Capabilities::new();
        wanted.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
        let mut connecting = ClientBuilder::new(HttpConnector::new());
        let page = connecting
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("starting chromium")?;
        Ok(Self { page, _driver: driver, _profile: profile })
    }

    /// Goes to an address.
    pub(crate) async fn go(&self, address: &str) -> Result<()> {
        Ok(self.page.goto(address).await?)
    }

    /// Signs in at a console.
    pub(crate) async fn sign_in(&self, console: &str, token: &str) -> Result<()> {
        self.go(console).await?;
        self.write("input[name=token]", token).await?;
        self.press("button[type=submit]").await
    }

    /// The first element of a CSS selector, once it is there and can be seen.
    pub(crate) async fn see(&self, selector: &str) -> Result<Element> {
        self.see_where(selector, |_| true).await
    }

    /// The same, once its text holds `text`.
    pub(crate) async fn see_text(&self, selector: &str, text: &str) -> Result<Element> {
        self.see_where(selector, |said| said.contains(text)).await.with_context(|| format!("saying {text:?}"))
    }

    async fn see_where(&self, selector: &str, right: impl Fn(&str) -> bool) -> Result<Element> {
        let looking = async {
            let mut looks = tokio::time::interval(LOOK_EVERY);
            loop {
                looks.tick().await;
                for element in self.page.find_all(Locator::Css(selector)).await? {
                    // Drawn anew between two questions: it is looked for again.
                    let (Ok(shown), Ok(text)) = (element.is_displayed().await, element.text().await) else { continue };
                    if shown && right(&text) {
                        return anyhow::Ok(element);
                    }
                }
            }
        };
        match timeout(SOON, looking).await {
            Ok(found) => found,
            Err(_) => bail!("the page does not show {selector}; it says: {}", self.text().await?),
        }
    }

    /// Waits until nothing of a selector can be seen.
    pub(crate) async fn see_no(&self, selector: &str) -> Result<()> {
        let looking = async {
            let mut looks = tokio::time::interval(LOOK_EVERY);
            while self.shows(selector).await? {
                looks.tick().await;
            }
            anyhow::Ok(())
        };
        match timeout(SOON, looking).await {
            Ok(gone) => gone,
            Err(_) => bail!("the page goes on showing {selector}; it says: {}", self.text().await?),
        }
    }

    /// Whether anything of a selector can be seen at this moment.
    pub(crate) async fn shows(&self, selector: &str) -> Result<bool> {
        for element in self.page.find_all(Locator::Css(selector)).await? {
            if element.is_displayed().await.unwrap_or(false) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Presses what can be seen there; again if it was drawn anew under the finger.
    pub(crate) async fn press(&self, selector: &str) -> Result<()> {
        let pressing = async {
            while self.see(selector).await?.click().await.is_err() {}
            anyhow::Ok(())
        };
        timeout(SOON, pressing).await.with_context(|| format!("pressing {selector}"))?
    }

    /// Writes into a field.
    pub(crate) async fn write(&self, selector: &str, text: &str) -> Result<()> {
        let field = self.see(selector).await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// Chooses an option of a field by its value.
    pub(crate) async fn choose(&self, selector: &str, value: &str) -> Result<()> {
        self.see(&format!("{selector} option[value=\"{value}\"]")).await?;
        Ok(self.see(selector).await?.select_by_value(value).await?)
    }

    /// All that the page says.
    pub(crate) async fn text(&self) -> Result<String> {
        Ok(self.page.find(Locator::Css("body")).await?.text().await?)
    }

    /// What a script answers.
    pub(crate) async fn ask(&self, script: &str) -> Result<serde_json::Value> {
        Ok(self.page.execute(script, vec![]).await?)
    }

    /// Where it is.
    pub(crate) async fn address(&self) -> Result<String> {
        Ok(self.page.current_url().await?.to_string())
    }

    /// Writes a picture of the page to `$VARCO_SCREENSHOTS/{name}.png`, for whoever works on the pages.
    pub(crate) async fn picture(&self, name: &str) -> Result<()> {
        if let Some(folder) = std::env::var_os("VARCO_SCREENSHOTS") {
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), self.page.screenshot().await?)?;
        }
        Ok(())
    }

    /// Gives the window another size, in pixels.
    pub(crate) async fn resize(&self, width: u32, height: u32) -> Result<()> {
        Ok(self.page.set_window_size(width, height).await?)
    }

    /// Closes the window.
    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.page.close().await?)
    }
}

/// `ChromeDriver was started successfully on port 41234.`
async fn port_of(driver: &mut Child) -> Result<u16> {
    let said = driver.stdout.take().context("its output is a pipe")?;
    let mut lines = BufReader::new(said).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return port.trim_end_matches('.').parse().with_context(|| format!("the port in {line:?}"));
        }
    }
    bail!("chromedriver ended before it said its port")
}
