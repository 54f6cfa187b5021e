// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// moduleKey hashes all that the programs of a module are made from: its files (go.mod and go.sum pin the rest), how each
// program is built, and the toolchain. Equal keys mean equal programs.
func moduleKey(files fs.FS, module, goVersion string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s %q\n", goVersion, Environment)
	for _, name := range slices.Sorted(maps.Keys(catalogue)) {
		if p := catalogue[name]; p.Module == module {
			fmt.Fprintf(h, "%+v\n", p)
		}
	}
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", path, len(content))
		_, err = h.Write(content)
		return err
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}
