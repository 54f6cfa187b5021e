// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The whole study takes minutes; this is one division with few flights. That the figures favour the priority is for the study
// to say, not for one lucky division to assert: what holds here is that both ways get the same number of labels and that all
// is reproducible.
func TestAStudyIsReproducibleAndWritesAPageAndAPicture(t *testing.T) {
	s, err := newStudy(t.Context(), sizes{pool: 2_000, test: 5_000, round: 100, budgets: []int{0, 100, 200}})
	if err != nil {
		t.Fatal(err)
	}
	var tables [2]bytes.Buffer
	var curves map[string][][]measured
	for i := range tables {
		if curves, err = s.curves(2); err != nil {
			t.Fatal(err)
		}
		if err := s.writeTable(&tables[i], curves); err != nil {
			t.Fatal(err)
		}
	}
	if tables[0].String() != tables[1].String() {
		t.Errorf("two runs differ:\n%s\n%s", &tables[0], &tables[1])
	}
	if d := difference(curves, 0, overall); d.mean != 0 {
		t.Errorf("without labels the two ways differ by %v", d.mean)
	}
	dir := t.TempDir()
	if err := s.writePage(dir, curves, 2); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "label-efficiency.md"))
	if err != nil || !strings.Contains(string(text), tables[0].String()) {
		t.Errorf("the page lacks the figures (%v)", err)
	}
	picture, err := os.Open(filepath.Join(dir, "images", "label-efficiency.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer picture.Close()
	for d := xml.NewDecoder(picture); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
}

func TestTheConclusionSaysWhatTheFiguresSay(t *testing.T) {
	s := &study{sizes: sizes{budgets: []int{0, 100, 200}}}
	curve := func(values ...float64) []measured {
		var c []measured
		for _, v := range values {
			c = append(c, measured{accuracy: v})
		}
		return c
	}
	curves := map[string][][]measured{
		byPriority: {curve(.8, .81, .79), curve(.8, .82, .78)},
		atRandom:   {curve(.8, .80, .80), curve(.8, .81, .79)},
	}
	got := s.conclusion(curves)
	if !strings.Contains(got, "With 100 labels by priority the model is more accurate") || !strings.Contains(got, "With 200 labels by priority the model is less accurate") {
		t.Errorf("conclusion: %s", got)
	}
}
