"""Operates the page of a running bridge in a browser: dashboard.py URL FOLDER CHROMIUM. Prints its findings as JSON."""

import json
import os
import sys
import time

from playwright.sync_api import sync_playwright

url, folder, chromium = sys.argv[1:4]
found = {"problems": [], "elsewhere": []}


def count_colors(page, selector):
    """Returns how many colours a canvas has: one means that nothing was drawn."""
    return page.evaluate(
        """selector => {
             const c = document.querySelector(selector), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
             const seen = new Set();
             for (let i = 0; i < d.length; i += 4) seen.add((d[i] << 16) | (d[i + 1] << 8) | d[i + 2]);
             return seen.size;
           }""",
        selector,
    )


def wait_for(name):
    while not os.path.exists(f"{folder}/{name}"):
        time.sleep(0.05)


def picture(page, selector):
    return page.evaluate("selector => document.querySelector(selector).toDataURL()", selector)


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, color_scheme="light")
    page.on("pageerror", lambda error: found["problems"].append(str(error)))
    page.on("console", lambda m: found["problems"].append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: None if r.url.startswith((url, "data:", "blob:")) else found["elsewhere"].append(r.url))
    page.goto(url)
    page.wait_for_selector('#connection[data-state="live"]', timeout=20_000)
    page.wait_for_function("() => document.querySelectorAll('#devices tbody .state-streaming').length >= 3", timeout=20_000)
    found["devices"] = page.locator("#devices tbody tr").all_inner_texts()
    found["demonstration"] = page.locator("#demo").is_visible()
    page.wait_for_function("() => document.querySelector('#camera-choice').value !== ''", timeout=20_000)
    page.wait_for_function("() => /since exposure/.test(document.querySelector('#camera-note').textContent)", timeout=20_000)
    found["camera"] = page.locator("#camera-note").inner_text()
    found["camera_colors"] = count_colors(page, "#camera")
    try:
        page.wait_for_function("() => document.querySelectorAll('#annotations li').length >= 1", timeout=60_000)
    except Exception:
        found["problems"].append("no annotation was shown")
    found["annotations"] = page.locator("#annotations li").all_inner_texts()
    page.wait_for_function("() => document.querySelectorAll('#latency .row').length >= 1", timeout=10_000)
    # Models and log are sent twice a second, and the second model runs once the first has a detection.
    try:
        page.wait_for_function(
            "() => document.querySelectorAll('#models tbody tr').length >= 2 && document.querySelectorAll('#log li').length >= 3",
            timeout=30_000,
        )
    except Exception:
        found["problems"].append("fewer than two models or three log lines were shown")
    found["models"] = page.locator("#models tbody tr").count()
    found["log"] = page.locator("#log li").count()
    found["scene_colors"] = count_colors(page, "#scene")

    # Keyboard only: the first stop is the link past the header; the scene handles arrow keys.
    page.keyboard.press("Tab")
    found["first_stop"] = page.evaluate("document.activeElement.className")
    page.focus("#scene")
    before = picture(page, "#scene")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    time.sleep(0.2)
    found["arrows_turn"] = picture(page, "#scene") != before
    page.keyboard.press("r")
    page.wait_for_selector('#record[aria-pressed="true"]', timeout=10_000)
    found["recording"] = page.locator("#record").inner_text()
    time.sleep(1.5)
    page.keyboard.press("r")
    page.wait_for_selector('#record[aria-pressed="false"]', timeout=10_000)
    found["recorded"] = page.locator("#record").get_attribute("title")
    page.keyboard.press("c")
    time.sleep(1.0)
    found["notice"] = page.locator("#notice").is_visible()
    page.screenshot(path=f"{folder}/light.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    time.sleep(0.7)
    found["dark"] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.screenshot(path=f"{folder}/dark.png", full_page=True)

    # Every control has a name, every image a description; text has a contrast of 4.5 to 1 (WCAG 2.1).
    found["nameless"] = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas")]
             .filter(e => e.offsetParent && !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.id)"""
    )
    contrast = """() => {
      const parse = c => c.match(/[0-9.]+/g).slice(0, 3).map(Number);
      const light = c => { const [r, g, b] = parse(c).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
      const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)|transparent/.test(c)) return c; } return "rgb(255,255,255)"; };
      return [...document.querySelectorAll("h1, h2, th, td, li span, p, button, label, #log li")].filter(e => e.offsetParent && e.textContent.trim() && !e.disabled)
        .map(e => { const a = light(getComputedStyle(e).color), b = light(behind(e)); return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.tagName + "." + e.className]; })
        .filter(([r]) => r < 4.5).map(([r, n]) => `${n} ${r.toFixed(2)}`);
    }"""
    found["faint_dark"] = page.evaluate(contrast)
    page.emulate_media(color_scheme="light")
    found["faint_light"] = page.evaluate(contrast)

    # On a phone nothing is wider than the screen.
    phone = browser.new_page(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, device_scale_factor=2)
    phone.goto(url)
    phone.wait_for_selector('#connection[data-state="live"]', timeout=20_000)
    phone.wait_for_function("() => document.querySelectorAll('#devices tbody tr').length >= 3", timeout=20_000)
    time.sleep(1)
    found["phone_overflow"] = phone.evaluate("document.documentElement.scrollWidth - innerWidth")
    phone.screenshot(path=f"{folder}/phone.png", full_page=True)
    phone.close()

    print(json.dumps(found), flush=True)
    # The bridge stops and starts again; the page shows both and reconnects.
    wait_for("stopped")
    page.wait_for_selector('#connection[data-state="lost"]', timeout=20_000)
    print("lost", flush=True)
    wait_for("started")
    page.wait_for_selector('#connection[data-state="live"]', timeout=20_000)
    print("live", flush=True)
    browser.close()
