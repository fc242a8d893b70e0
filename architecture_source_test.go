package ordinaut_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	modulePath = "github.com/ordinaut/ordinaut"
	domain     = "." // the root package's directory
)

// goFile is what the laws of the tree need to know of one Go file.
type goFile struct {
	path        string // from the module's root, with slashes
	name        string // of the package, without _test
	test        bool
	imports     []string
	environment []string // uses of package os that read the environment, such as Getenv("PATH")
}

func (f goFile) dir() string { return path.Dir(f.path) }

// forTests reports whether the file is compiled into tests only.
func (f goFile) forTests() bool { return f.test || supportsTests(f.dir()) }

// supportsTests reports whether a package exists for tests, as storetest does.
func supportsTests(dir string) bool { return strings.HasSuffix(dir, "test") }

func parseGo(name string, source []byte) (goFile, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	if err != nil {
		return goFile{}, err
	}
	f := goFile{
		path: name,
		name: strings.TrimSuffix(parsed.Name.Name, "_test"),
		test: strings.HasSuffix(name, "_test.go"),
	}
	osName := ""
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return goFile{}, err
		}
		f.imports = append(f.imports, imported)
		if imported != "os" {
			continue
		}
		if osName = "os"; spec.Name != nil {
			osName = spec.Name.Name
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if name := environmentReader(n.Fun, osName); name != "" && len(n.Args) == 1 {
				if variable, ok := n.Args[0].(*ast.BasicLit); ok {
					f.environment = append(f.environment, name+"("+variable.Value+")")
					return false
				}
			}
		case ast.Expr:
			if name := environmentReader(n, osName); name != "" {
				f.environment = append(f.environment, name)
			}
		}
		return true
	})
	return f, nil
}

// environmentReader returns the name of the function of package os that reads the environment, if
// that is what the expression stands for.
func environmentReader(e ast.Expr, osName string) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := s.X.(*ast.Ident)
	if !ok || osName == "" || x.Name != osName {
		return ""
	}
	if !slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, s.Sel.Name) {
		return ""
	}
	return s.Sel.Name
}

// goFiles returns the Go files of the main module.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	for _, name := range treeFiles(t) {
		if path.Ext(name) != ".go" || inNestedModule(name) {
			continue
		}
		source, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		f, err := parseGo(name, source)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		t.Fatal("found no Go file: the test must run in the module's root")
	}
	return files
}

// treeFiles returns the text files of the tree, from the root with slashes, without what targets
// build and tools keep.
func treeFiles(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if slices.Contains([]string{".git", ".tools", "bin", "dist", "node_modules"}, name) {
				return fs.SkipDir
			}
			return nil
		}
		if entry.Type().IsRegular() && name != ".git" && !slices.Contains([]string{".test", ".out", ".prof"}, path.Ext(name)) {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// inNestedModule reports whether a file belongs to a module inside this one.
func inNestedModule(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, err := os.Stat(filepath.FromSlash(dir + "/go.mod")); err == nil {
			return true
		}
	}
	return false
}

// ownPackage returns the directory of a package of ours, and whether it is one.
func ownPackage(imported string) (dir string, ok bool) {
	if imported == modulePath {
		return domain, true
	}
	return strings.CutPrefix(imported, modulePath+"/")
}

// within reports whether a slash-separated path is prefix or lies below it.
func within(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

func binary(text []byte) bool { return bytes.IndexByte(text, 0) >= 0 }
