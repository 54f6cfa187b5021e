// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// annotator is a person with a program of their own, which sends a request that was cut off again, with its key.
type annotator struct {
	*series
	name string
	rand *rand.Rand
	keys int
}

var requests = &http.Client{Timeout: 30 * time.Second}

// send sends a request until there is an answer, for as long as the series lasts.
func (a *annotator) send(path, body string, answer any) int {
	a.keys++
	for ; a.ctx.Err() == nil; a.pause() {
		server := a.servers[a.rand.IntN(len(a.servers))].address
		r, err := http.NewRequestWithContext(a.ctx, http.MethodPost, "http://"+server+"/api/v1"+path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		r.Header.Set("Authorization", "Bearer "+a.name)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprint(a.name, "/", a.keys))
		response, err := requests.Do(r)
		if err != nil {
			continue
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		switch {
		case err != nil:
		case response.StatusCode >= http.StatusInternalServerError:
			a.mu.Lock()
			a.errors++
			a.mu.Unlock()
		case response.StatusCode == http.StatusOK:
			if err := json.Unmarshal(text, answer); err != nil {
				a.t.Errorf("%s: %v: %s", path, err, text)
			}
			return response.StatusCode
		default:
			if response.StatusCode != http.StatusConflict {
				a.t.Errorf("%s: %d %s", path, response.StatusCode, text)
			}
			return response.StatusCode
		}
	}
	return 0
}

func (a *annotator) pause() {
	select {
	case <-time.After(time.Duration(5+a.rand.IntN(20)) * time.Millisecond):
	case <-a.ctx.Done():
	}
}

// item is what of an item the annotator looks at.
type item struct {
	ID        string    `json:"id"`
	HeldUntil time.Time `json:"held_until"`
}

func (a *annotator) next() (string, bool) {
	var next struct {
		Item *item `json:"item"`
	}
	if a.send("/next", "", &next) != http.StatusOK || next.Item == nil {
		return "", false
	}
	a.held(next.Item.ID, a.name, next.Item.HeldUntil)
	return next.Item.ID, true
}

// leave takes an item and never comes back to it.
func (a *annotator) leave() {
	if _, ok := a.next(); ok {
		a.mu.Lock()
		a.left++
		a.mu.Unlock()
	}
}

// work answers, and now and then takes back what was just answered, until everything is answered. (An annotator who took
// answers back for want of work would never be through.)
func (a *annotator) work() {
	for a.ctx.Err() == nil && !a.done() {
		id, ok := a.next()
		if !ok {
			a.pause()
			continue
		}
		class := []string{"genuine", "fraud"}[a.rand.IntN(2)]
		if a.send("/items/"+id+"/answer", `{"class":"`+class+`"}`, new(item)) != http.StatusOK {
			continue // The lease ran out on the way.
		}
		a.mu.Lock()
		a.given++
		a.told[id] = append(a.told[id], "token:"+a.name+": "+class)
		a.mu.Unlock()
		if a.rand.IntN(10) > 0 {
			continue
		}
		var back item
		if a.send("/undo", "", &back) != http.StatusOK {
			a.t.Errorf("%s could not take their answer to %s back", a.name, id)
			continue
		}
		a.mu.Lock()
		a.undone++
		if i := slices.Index(a.told[back.ID], "token:"+a.name+": "+class); back.ID != id || i < 0 {
			a.t.Errorf("%s took back %s, which they had not just answered", a.name, back.ID)
		} else {
			a.told[id] = slices.Delete(a.told[id], i, i+1)
		}
		a.mu.Unlock()
	}
}
