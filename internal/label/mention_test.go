// SPDX-License-Identifier: Apache-2.0

package label

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/wire"
)

func mentions(t testing.TB, d *Decoder, f Format, file []byte) (names []string, whole bool) {
	t.Helper()
	var all []byte
	for m, err := range d.Mentions(f, file) {
		if err != nil {
			if !errors.Is(err, ErrUnreadable) {
				t.Fatal(err)
			}
			return names, false
		}
		all = append(all, m.Text...)
		name := m.RecordID + m.RequestID + m.LabelKey
		if m.Unread {
			name = "?"
		}
		names = append(names, name)
	}
	if f != Parquet && !bytes.Equal(all, file) {
		t.Errorf("the lines together are not the file:\n%q\n%q", all, file)
	}
	return names, true
}

func TestMentionsNameWhomEveryLineIsAbout(t *testing.T) {
	t.Parallel()
	plain := &Decoder{Schema: wire.Schema{LabelKey: wire.LabelKey{Path: "id", Store: wire.LabelKeyPlain}}}
	for name, tc := range map[string]struct {
		format Format
		file   string
		want   []string
		torn   bool
	}{
		"lines that are refused, too": {JSONLines, "{\"label_key\":\"a\",\"kind\":\"event\"}\n\n{\"record_id\":\"r\"}\r\n{broken\n{\"request_id\":\"q\"}", []string{"a", "", "r", "?", "q"}, false},
		"SageMaker's": {
			JSONLines, `{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"e"}}`, []string{"e"}, false,
		},
		"rows, with a break in one": {CSV, "label_key,label\na,\"x\ny\"\n\nb,x,too many\nc,\"x\n", []string{"", "a", "?", "?"}, false},
		"no header":                 {CSV, "a,b\nc,d\n", nil, true},
		"no Parquet":                {Parquet, "PAR1", nil, true},
		"nothing":                   {JSONLines, "", nil, false},
	} {
		names, whole := mentions(t, plain, tc.format, []byte(tc.file))
		if diff := cmp.Diff(tc.want, names); diff != "" || whole == tc.torn {
			t.Errorf("%s (-want +got, whole: %v):\n%s", name, whole, diff)
		}
	}
	hashed := &Decoder{Schema: wire.Schema{LabelKey: wire.LabelKey{Path: "id"}}}
	if names, _ := mentions(t, hashed, JSONLines, []byte(`{"label_key":"a"}`)); names[0] != "" {
		t.Errorf("without the key to hash it with, a key is %q", names[0])
	}
	hashed.HashKey = []byte("secret")
	if names, _ := mentions(t, hashed, JSONLines, []byte(`{"label_key":"a"}`)); len(names[0]) != 64 {
		t.Errorf("a key is %q, want its hash", names[0])
	}
}

func FuzzMentions(f *testing.F) {
	f.Add("label_key,label\na,\"b\n", true)
	f.Add("{\"label_key\":\"a\"}\n\xef\xbb\xbf{}\r\n", false)
	f.Fuzz(func(t *testing.T, file string, isCSV bool) {
		d := &Decoder{Schema: wire.Schema{LabelKey: wire.LabelKey{Path: "id", Store: wire.LabelKeyPlain}}}
		format := JSONLines
		if isCSV {
			format = CSV
		}
		names, whole := mentions(t, d, format, []byte(file))
		if whole && !isCSV && len(names) != strings.Count(strings.TrimSuffix(file, "\n"), "\n")+min(len(file), 1) {
			t.Errorf("%d lines", len(names))
		}
	})
}
