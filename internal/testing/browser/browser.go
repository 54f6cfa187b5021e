// SPDX-License-Identifier: Apache-2.0

// Package browser drives a real browser, Chromium without a window, through pages under test.
package browser

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/vedette-dev/vedette/test/axe"
)

// Environment names the variable with the path of Chromium.
const Environment = "VEDETTE_CHROMIUM"

// patience bounds a test, on a machine that does other things besides.
const patience = 5 * time.Minute

// Browser is a browser with a page.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// New starts a browser. A test that is not told where Chromium is fails: it would prove nothing.
func New(t testing.TB) *Browser {
	t.Helper()
	path := os.Getenv(Environment)
	if path == "" {
		t.Fatalf("%s is not set: run the tests with hack/with-assets.sh", Environment)
	}
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options, chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("font-render-hinting", "none"), chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(patience))
	bounded, cancel := context.WithTimeout(context.Background(), patience)
	allocator, cancelAllocator := chromedp.NewExecAllocator(bounded, options...)
	ctx, cancelBrowser := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		cancelBrowser()
		cancelAllocator()
		cancel()
	})
	b := &Browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*runtime.EventExceptionThrown); ok {
			t.Errorf("the script of the page fails: %s", e.ExceptionDetails.Text)
		}
	}); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return b
}

// Do does things, one after the other.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("the browser: %v", err)
	}
}

// get does something that gives a value.
func get[T any](b *Browser, action chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.t.Fatalf("the browser: %v", err)
	}
	return v
}

// Go opens an address, and waits for what is there.
func (b *Browser) Go(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("main")))
}

// Leave does what leads to another page, and waits for that.
func (b *Browser) Leave(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	response, err := chromedp.RunResponse(b.ctx, actions...)
	if err != nil || response == nil {
		b.t.Fatalf("the browser: %v", err)
	}
	b.Do(chromedp.WaitReady(chromedp.CSS("main")))
}

// Press presses keys, one after the other, as a person does: what a key writes goes where the cursor is when it is pressed.
func (b *Browser) Press(keys string) {
	b.t.Helper()
	b.Do(typed(keys))
}

// Follow presses a key that leads to another page.
func (b *Browser) Follow(key string) {
	b.t.Helper()
	b.Leave(typed(key))
}

// Escape is the key of that name.
const Escape = "\x1b"

func typed(keys string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, r := range keys {
			down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: string(r), Text: string(r)}
			if string(r) == Escape {
				down.Key, down.Text, down.Code, down.WindowsVirtualKeyCode = "Escape", "", "Escape", 27
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, down); err != nil {
				return err
			}
			up := down
			up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, up); err != nil {
				return err
			}
		}
		return nil
	})
}

// Text is the text of what a selector finds.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return strings.TrimSpace(get(b, chromedp.Text(chromedp.CSS(selector))))
}

// Want checks that what a selector finds says something.
func (b *Browser) Want(selector, text string) {
	b.t.Helper()
	if got := b.Text(selector); !strings.Contains(got, text) {
		b.t.Fatalf("%s says %q, want %q", selector, got, text)
	}
}

// URL is where the browser is.
func (b *Browser) URL() string {
	b.t.Helper()
	return get(b, chromedp.Location())
}

// Look is how the page is looked at.
type Look struct {
	Width, Height int64
	Scheme        string // light or dark
}

// Looks are those that pages are tested in.
var Looks = map[string]Look{
	"light":  {1280, 900, "light"},
	"dark":   {1280, 900, "dark"},
	"narrow": {390, 844, "light"},
}

// As makes the browser look at pages in some way.
func (b *Browser) As(l Look) {
	b.t.Helper()
	var size []chromedp.EmulateViewportOption
	if l.Width < 600 {
		size = append(size, chromedp.EmulateScale(1.5), chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.Do(chromedp.EmulateViewport(l.Width, l.Height, size...))
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: l.Scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatalf("the browser: %v", err)
	}
}

// Screenshot writes a picture of the whole page.
func (b *Browser) Screenshot(path string) {
	b.t.Helper()
	picture := get(b, chromedp.FullScreenshot(100))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// violation is what axe-core says of a rule.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// Accessible checks the page with axe-core, by all rules that it has for WCAG 2.2 and good practice.
func (b *Browser) Accessible(where string) {
	b.t.Helper()
	b.Do(chromedp.Evaluate[chromedp.Void](axe.Source(b.t) + "; undefined"))
	result := get(b, chromedp.Evaluate[string](
		`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify([r.passes.length, r.violations]))`, chromedp.EvalAwaitPromise))
	var passes int
	var violations []violation
	if err := json.Unmarshal([]byte(result), &[]any{&passes, &violations}); err != nil {
		b.t.Fatal(err)
	}
	if passes == 0 {
		b.t.Errorf("%s: axe-core checked nothing", where)
	}
	for _, v := range violations {
		for _, n := range v.Nodes {
			b.t.Errorf("%s: %s: %s\n%s\n%s", where, v.ID, v.Help, n.HTML, n.Summary)
		}
	}
	b.t.Logf("%s: axe-core has %d rules that pass, %d that do not", where, passes, len(violations))
}

// Fits checks that nothing makes the page wider than the window.
func (b *Browser) Fits(where string) {
	b.t.Helper()
	over := get(b, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	if over > 0 {
		b.t.Errorf("%s: the page is %d pixels wider than the window", where, over)
	}
}
