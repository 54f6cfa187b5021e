// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"strings"
	"unicode/utf8"

	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

const (
	// maxCategory bounds a category, a label and a label key in bytes; maxText a text.
	maxCategory = 256
	maxText     = 4096
)

type feature struct {
	wire.Feature
	path *expr.Path // nil: by name or position
}

// values reads the features of instance i.
func (d *Decoder) values(t texts, i int) []record.Value {
	values := make([]record.Value, len(d.features))
	if kind(t.raw[i]) == '{' {
		d.byMembers(values, t.raw[i])
	}
	for j := range d.features {
		if values[j].Kind != record.Missing {
			continue
		}
		if raw, ok := d.find(j, t, i); ok {
			values[j] = d.features[j].value(raw)
		}
	}
	return values
}

// byMembers reads the features that are members of an object, in one pass. Of a name that is repeated the first value
// counts that is not null.
func (d *Decoder) byMembers(values []record.Value, object []byte) {
	for name, raw := range members(object) {
		if j, ok := d.byName[string(plain(name))]; ok && values[j].Kind == record.Missing {
			values[j] = d.features[j].value(raw)
		}
	}
}

// find looks the value of feature j up in instance i where it is no member of an object.
func (d *Decoder) find(j int, t texts, i int) ([]byte, bool) {
	f, raw := &d.features[j], t.raw[i]
	if f.path != nil {
		return f.path.FindJSON(raw)
	}
	switch kind(raw) {
	case '{':
		if t.rows == nil || t.first == f.Name {
			return nil, false
		}
		return d.position(j, t.rows[i])
	case '[':
		return d.position(j, raw)
	}
	return raw, len(d.features) == 1
}

// position is element j of an array that has one element for each feature.
func (d *Decoder) position(j int, list []byte) (found []byte, ok bool) {
	n := 0
	for e := range elements(list) {
		if n == j {
			found = e
		}
		n++
	}
	return found, found != nil && n == len(d.features)
}

// key reads the business key.
func (d *Decoder) key(raw []byte) string {
	if d.labelKey == nil {
		return ""
	}
	found, ok := d.labelKey.FindJSON(raw)
	if !ok {
		return ""
	}
	s, _ := category(found)
	return s
}

// value reads a value as the feature's type.
func (f *feature) value(raw []byte) record.Value {
	raw = trim(raw)
	k := kind(raw)
	if k == 'n' {
		return record.Value{}
	}
	switch f.Type {
	case wire.Numeric:
		if v, ok := number(raw); ok {
			return record.Value{Kind: record.Number, Num: v}
		}
	case wire.Boolean:
		if k == 't' || string(raw) == "1" {
			return record.Value{Kind: record.Bool, Num: 1}
		}
		if k == 'f' || string(raw) == "0" {
			return record.Value{Kind: record.Bool}
		}
	case wire.Categorical:
		if s, ok := category(raw); ok {
			return record.Value{Kind: record.String, Str: s}
		}
	case wire.Text:
		if s, ok := text(raw); ok {
			return record.Value{Kind: record.String, Str: cut(s, maxText)}
		}
	}
	return record.Value{Kind: record.Invalid}
}

// category is a scalar as a string: codes and flags are categories, too.
func category(raw []byte) (string, bool) {
	raw = trim(raw)
	switch kind(raw) {
	case '"':
		s, ok := text(raw)
		return cut(s, maxCategory), ok
	case '0', 't', 'f':
		return cut(string(raw), maxCategory), true
	}
	return "", false
}

// cut shortens s to at most n bytes of whole characters, and makes it valid UTF-8.
func cut(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
