package keeper

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// maxConsole is the size, in bytes, at which a console begins a new file; the one before is kept, and no other.
const maxConsole = 1 << 20

// OldConsole is the name of the file before a console's.
func OldConsole(path string) string { return path + ".1" }

// console is a file of bounded size that several commands write to.
type console struct {
	path string
	mu   sync.Mutex
	file *os.File
	size int64
}

func openConsole(path string) (*console, error) {
	c := &console{path: path}
	return c, c.open()
}

func (c *console) open() error {
	file, err := os.OpenFile(c.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open console: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open console: %w", err), file.Close())
	}
	c.file, c.size = file, info.Size()
	return nil
}

// Write implements io.Writer. What cannot be written is dropped, and the machine goes on.
func (c *console) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size+int64(len(text)) > maxConsole && c.size > 0 {
		if err := errors.Join(c.file.Close(), os.Rename(c.path, OldConsole(c.path)), c.open()); err != nil {
			return len(text), nil
		}
	}
	written, _ := c.file.Write(text) // see above
	c.size += int64(written)
	return len(text), nil
}

// Close closes the file.
func (c *console) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.file.Close()
}

// mark is where the console ends now.
func (c *console) mark() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

// since is what was printed from a mark on, at most its last limit bytes.
func (c *console) since(mark int64, limit int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mark > c.size { // a new file since
		mark = 0
	}
	mark = max(mark, c.size-int64(limit))
	file, err := os.Open(c.path)
	if err != nil {
		return ""
	}
	defer file.Close() // only read
	text := make([]byte, c.size-mark)
	read, _ := file.ReadAt(text, mark) // what there is will do
	return string(text[:read])
}
