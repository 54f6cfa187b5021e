// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// maxInflated bounds what a compressed body may become.
const maxInflated = 4 << 20

// inflate undoes a Content-Encoding.
func inflate(body []byte, encoding string) ([]byte, error) {
	switch encoding = strings.ToLower(strings.TrimSpace(encoding)); encoding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, undecodable("its gzip header: %w", err)
		}
		return readAll(r, encoding)
	case "deflate":
		r, err := zlib.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, undecodable("its zlib header: %w", err)
		}
		return readAll(r, encoding)
	case "zstd":
		r, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxInflated), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, undecodable("its zstd header: %w", err)
		}
		defer r.Close()
		return readAll(r, encoding)
	}
	return nil, undecodable("content encoding %.20q is none of gzip, deflate, zstd", encoding)
}

func readAll(r io.Reader, encoding string) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
	if err != nil {
		return nil, undecodable("%s: %w", encoding, err)
	}
	if len(body) > maxInflated {
		return nil, undecodable("it inflates to more than %d bytes", maxInflated)
	}
	return body, nil
}
