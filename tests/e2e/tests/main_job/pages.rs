//! The console's pages in a real browser: what a desk sees, and what it does there.

use anyhow::{Context, Result};
use serde_json::json;
use site::sandbox::Known;

use crate::browser::Browser;
use crate::classes::{put, yoga_in};
use crate::club::Club;
use crate::people::member;

const CARD: &str = "0415AB12CD";
/// Nobody's.
const STRANGE_CARD: &str = "0415AB12FF";

#[tokio::test]
async fn a_desk_signs_in_and_sees_who_passes_who_does_not_and_why() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", CARD)).await?;
    let (token, _) = club.api_for("operator", "Giulia").await?;
    let browser = Browser::open().await?;
    let console = club.agent().console().to_owned();

    browser.sign_in(&console, "varco_guess").await?;
    browser.see_text(".trouble", "not known here").await?;
    browser.picture("sign-in").await?;
    assert!(!browser.shows("header").await?, "nothing is shown for a wrong token");
    browser.sign_in(&console, &token).await?;
    browser.see_text("header", "Club Milano Centro").await?;
    browser.see(".live:not(:empty)").await?;
    assert_eq!(
        browser.ask("return localStorage.length + document.cookie.length").await?,
        0,
        "nothing outlives the tab"
    );

    club.badge("entry-1", CARD).await?;
    browser.see_text("tr[data-outcome=passed] .person", "Fiammetta-M-1001 Quarantotti-M-1001").await?;
    browser.see("tr[data-outcome=passed] .chip.visit").await?;
    club.badge("entry-2", STRANGE_CARD).await?;
    browser.see("tr[data-outcome=denied] [data-reason=unknown_credential]").await?;
    browser.see_text("tr[data-outcome=denied] code", STRANGE_CARD).await?;
    browser.press("tr[data-outcome=denied] [data-key^=why]").await?;
    browser.see(".trace li.bad").await?;
    browser.picture("gates").await?;
    browser.resize(420, 900).await?;
    browser.picture("gates-phone").await?;

    browser.press("[data-key=sign-out]").await?;
    browser.see("input[name=token]").await?;
    assert_eq!(browser.ask("return sessionStorage.length").await?, 0);
    browser.close().await?;
    club.close().await
}

#[tokio::test]
async fn an_operator_opens_a_gate_by_hand_and_a_viewer_is_offered_nothing_that_changes() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", CARD)).await?;
    let console = club.agent().console().to_owned();
    let browser = Browser::open().await?;
    browser.sign_in(&console, &club.api_for("operator", "Giulia").await?.0).await?;
    browser.press("[data-key='open turnstile-2']").await?;
    browser.choose("dialog [name=reader]", "entry-2").await?;
    browser.write("dialog [name=person]", "M-9999").await?;
    browser.write("dialog [name=reason]", "forgot her card").await?;
    browser.press("dialog [type=submit]").await?;
    browser.see_text("dialog .trouble", "M-9999").await?;
    browser.write("dialog [name=person]", "M-1001").await?;
    browser.press("dialog [type=submit]").await?;
    browser.see_text("tr[data-outcome=manual] .reason", "Giulia: forgot her card").await?;
    browser.see("tr[data-outcome=manual] .chip.visit").await?;
    browser.press("[data-key='mode turnstile-1']").await?;
    browser.choose("dialog [name=mode]", "locked").await?;
    browser.write("dialog [name=reason]", "cleaning").await?;
    browser.press("dialog [type=submit]").await?;
    browser.see("[data-gate=turnstile-1] [data-mode=locked]").await?;
    club.badge("entry-1", CARD).await?;
    browser.see("tr[data-outcome=denied] [data-reason=gate_locked]").await?;
    browser.press("[data-key=sign-out]").await?;

    browser.sign_in(&console, &club.api_for("viewer", "screen").await?.0).await?;
    browser.see("tr[data-outcome=denied]").await?;
    assert!(!browser.shows("[data-gate] button").await?, "a viewer opens nothing");
    browser.close().await?;
    club.close().await
}

#[tokio::test]
async fn the_page_says_when_the_agent_is_gone_and_goes_on_when_it_is_back() -> Result<()> {
    let mut club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", CARD)).await?;
    // The same address before and after.
    let address = club.agent().console().strip_prefix("http://").context("plain http")?.to_owned();
    club.settings.set("console.listen", address.as_str());
    let browser = Browser::open().await?;
    browser.sign_in(club.agent().console(), &club.api_for("viewer", "screen").await?.0).await?;
    browser.see(".live:not(:empty)").await?;
    club.kill().await?;
    browser.see(".stale").await?;
    browser.picture("gone").await?;
    club.config = club.settings.write()?;
    club.start_again().await?;
    browser.see_no(".stale").await?;
    browser.see(".live:not(:empty)").await?;
    club.badge("entry-1", CARD).await?;
    browser.see("tr[data-outcome=passed]").await?;
    browser.close().await?;
    club.close().await
}

#[tokio::test]
async fn a_name_is_only_ever_text() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let mut person = member("M-1001", CARD);
    let evil = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>";
    person["last_name"] = json!(evil);
    club.put(&person).await?;
    let browser = Browser::open().await?;
    browser.sign_in(club.agent().console(), &club.api_for("viewer", "screen").await?.0).await?;
    browser.see(".live:not(:empty)").await?;
    club.badge("entry-1", CARD).await?;
    browser.see_text("tr .person", evil).await?;
    assert!(!browser.ask("return document.title").await?.to_string().contains("owned"));
    assert_eq!(browser.ask("return document.querySelectorAll('main script, main img').length").await?, 0);
    browser.close().await?;
    club.close().await
}

#[tokio::test]
async fn what_the_desk_writes_down_stands_on_the_screen_at_the_next_badge_until_it_is_concluded() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", CARD)).await?;
    let console = club.agent().console().to_owned();
    let (screen, desk) = (Browser::open().await?, Browser::open().await?);
    let (watching, _) = club.api_for("viewer", "screen").await?;
    screen.go(&format!("{console}/display/entry-1#token={watching}")).await?;
    screen.see_text("main[data-light=idle]", "Club Milano Centro").await?;
    assert!(!screen.address().await?.contains("token"), "whoever photographs the screen has no token");

    desk.sign_in(&console, &club.api_for("operator", "Giulia").await?.0).await?;
    desk.press("nav a[href='#/site']").await?;
    desk.press("[data-key=new-type]").await?;
    desk.write("dialog [name=name]", "Rinnovo").await?;
    desk.choose("dialog [name=access_action]", "message_and_block").await?;
    desk.write("dialog [name=message]", "Passa in segreteria per il certificato").await?;
    desk.press("dialog [type=submit]").await?;
    desk.see_text("[data-part=types]", "Rinnovo").await?;
    desk.picture("site").await?;
    desk.press("nav a[href='#/people']").await?;
    desk.write("input[name=query]", "Quarantotti-M-1001").await?;
    desk.press("a[href='#/people/M-1001']").await?;
    desk.press("[data-key=new-action]").await?;
    desk.write("dialog [name=text]", "Certificate").await?;
    desk.press("dialog [type=submit]").await?;
    desk.see_text("[data-part=crm] .action", "Passa in segreteria").await?;

    let held = club.badge("entry-1", CARD).await?;
    assert_eq!(held.data("outcome"), "denied");
    screen.see_text("main[data-light=denied]", "Passa in segreteria per il certificato").await?;
    screen.picture("display").await?;
    desk.see("[data-part=passages] [data-reason=crm_block]").await?;
    desk.picture("person").await?;
    screen.see("main[data-light=idle]").await?;

    desk.press("[data-key^=conclude]").await?;
    desk.choose("dialog [name=outcome]", "done").await?;
    desk.press("dialog [type=submit]").await?;
    desk.see_no("[data-key^=conclude]").await?;
    let passed = club.badge("entry-1", CARD).await?;
    assert_eq!(passed.data("outcome"), "passed");
    screen.see("main[data-light=welcome]").await?;
    screen.close().await?;
    desk.close().await?;
    club.close().await
}

#[tokio::test]
async fn whoever_could_be_several_people_at_mywellness_is_chosen_by_the_desk() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let anna = member("M-1001", CARD);
    club.sandbox.know([Known::of_document(&anna), Known::of_document(&anna)]);
    club.put(&anna).await?;
    club.badge("entry-1", CARD).await?;
    let browser = Browser::open().await?;
    let console = club.agent().console().to_owned();
    browser.sign_in(&console, &club.api_for("viewer", "screen").await?.0).await?;
    browser.press("nav a[href='#/mywellness']").await?;
    browser.press("[data-key='cause ambiguous']").await?;
    browser.see_text("[data-part=people]", "Creazione fallita").await?;
    browser.picture("mywellness").await?;
    browser.press("[data-part=people] a[href='#/people/M-1001']").await?;
    browser.see("[data-part=sync] [data-candidate]").await?;
    assert!(!browser.shows("[data-part=sync] button").await?, "a viewer chooses nobody");
    browser.press("[data-key=sign-out]").await?;

    browser.sign_in(&console, &club.api_for("operator", "Giulia").await?.0).await?;
    browser.see(".live:not(:empty)").await?;
    browser.go(&format!("{console}/#/people/M-1001")).await?;
    browser.press("[data-part=sync] [data-candidate] button").await?;
    browser.press("dialog [type=submit]").await?;
    browser.see_no("[data-part=sync] [data-candidate]").await?;
    browser.see("h1 .cloud").await?;
    club.wait_for("the visit to go", async || Ok((club.sandbox.visits().len() == 1).then_some(()))).await?;
    browser.picture("linked").await?;
    browser.close().await?;
    club.close().await
}

#[tokio::test]
async fn a_desk_ticks_off_whoever_came_and_takes_care_of_what_waits_for_somebody() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let anna = member("M-1001", CARD);
    club.sandbox.know([Known::of_document(&anna), Known::of_document(&anna)]);
    club.put(&anna).await?;
    put(&club, "classes/products/yoga", json!({ "name": "Yoga" })).await?;
    // Late in the evening a class in an hour would be tomorrow's.
    yoga_in(&club, 0, json!({})).await?;
    put(&club, "classes/Y-1/bookings/M-1001", json!({})).await?;
    let browser = Browser::open().await?;
    browser.sign_in(club.agent().console(), &club.api_for("operator", "Giulia").await?.0).await?;
    browser.press("nav a[href='#/classes']").await?;
    browser.press("a[href='#/classes/Y-1']").await?;
    browser.press("[data-key='tick M-1001']").await?;
    browser.see("tr[data-person=M-1001] .end .chip.good").await?;
    browser.see_no("[data-key='tick M-1001']").await?;
    browser.picture("class").await?;

    club.wait_for_rows("mywellness", "parked", 1).await?;
    browser.press("nav a[href='#/mywellness']").await?;
    browser.press("[data-part=rows] [data-key^=discard]").await?;
    browser.write("dialog [name=reason]", "she wants no account").await?;
    browser.press("dialog [type=submit]").await?;
    browser.see_no("[data-part=rows] [data-row]").await?;
    browser.press("[data-key=look]").await?;
    browser.see("[data-part=preflight] a[href='#/people/M-1001']").await?;
    browser.close().await?;
    club.badge("entry-1", CARD).await?;
    club.close().await
}
