package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"
)

// expression is a parsed expression. It holds no state of an evaluation and is safe for concurrent use.
type expression struct {
	source string
	root   parsing.ASTNode
}

// parseExpression parses source, which may be anything.
func parseExpression(source string) (*expression, error) {
	tokens, err := scan(source)
	if err != nil {
		return nil, located(source, err)
	}
	if len(tokens) == 0 {
		return nil, errors.New("the expression is empty")
	}
	code, marks := rewrite(tokens)
	root, err := parse(code)
	if err != nil {
		return nil, located(source, explain(source, tokens, code, marks, err))
	}
	if root.NodeType == parsing.ASTBinding || strayBinding(&root) {
		return nil, located(source, faultAt(firstOf(tokens, "="), "has a single =, equality is =="))
	}
	return &expression{source: source, root: root}, nil
}

// strayBinding reports whether there is a = outside of let $name = …, which the parser lets pass.
func strayBinding(node *parsing.ASTNode) bool {
	for i := range node.Children {
		child := &node.Children[i]
		is := child.NodeType == parsing.ASTBinding
		if is != (node.NodeType == parsing.ASTBindings) || is && child.Children[0].NodeType != parsing.ASTVariable || strayBinding(child) {
			return true
		}
	}
	return false
}

func firstOf(tokens []token, text string) int {
	for _, t := range tokens {
		if t.text == text {
			return t.offset
		}
	}
	return 0
}

// parse calls the library's parser, which reads its tokens without looking whether there are any left.
func parse(code string) (root parsing.ASTNode, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("cannot be read")
		}
	}()
	root, err = parsing.NewParser().Parse(code)
	settle(&root)
	return root, err
}

// settle makes !a.b mean !(a.b). In JMESPath's grammar it is (!a).b, which is null for any a and so
// never what was meant.
func settle(node *parsing.ASTNode) {
	for i := range node.Children {
		settle(&node.Children[i])
	}
	switch node.NodeType {
	case parsing.ASTSubexpression, parsing.ASTIndexExpression, parsing.ASTFlatten,
		parsing.ASTProjection, parsing.ASTValueProjection, parsing.ASTFilterProjection:
	default:
		return
	}
	if not := node.Children[0]; not.NodeType == parsing.ASTNotExpression {
		path := *node
		path.Children = append([]parsing.ASTNode{not.Children[0]}, node.Children[1:]...)
		*node = parsing.ASTNode{NodeType: parsing.ASTNotExpression, Children: []parsing.ASTNode{path}}
	}
}

// rewrite turns tokens into plain JMESPath: a number becomes a literal, save for an index or a part of
// a slice; 24h becomes duration('24h'); true, false and null become literals where they are not names
// of members. The marks say at which offset of the result each token begins.
func rewrite(tokens []token) (code string, marks []int) {
	var b strings.Builder
	var open []string
	for i, t := range tokens {
		before, after := at(tokens, i-1), at(tokens, i+1)
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		// A dot and a bracket bind to what stands before them in the parser's lexer as well with a
		// space in between, so spaces are harmless everywhere.
		marks = append(marks, b.Len())
		top := last(open)
		switch {
		case t.kind == tokenNumber && !isPlace(top, before, after):
			b.WriteString("`" + t.text + "`")
		case t.kind == tokenDuration:
			b.WriteString("duration('" + t.text + "')")
		case t.kind == tokenName && isConstant(t.text) && before != "." && after != "(" && (after != ":" || top != "{"):
			b.WriteString("`" + t.text + "`")
		default:
			b.WriteString(t.text)
		}
		switch t.kind {
		case tokenOpen:
			open = append(open, t.text)
		case tokenClose:
			open = open[:len(open)-1]
		}
	}
	return b.String(), marks
}

func at(tokens []token, i int) string {
	if i < 0 || i >= len(tokens) {
		return ""
	}
	return tokens[i].text
}

func last(open []string) string {
	if len(open) == 0 {
		return ""
	}
	return open[len(open)-1]
}

// isPlace reports whether a number is an index or a part of a slice.
func isPlace(top, before, after string) bool {
	return top == "[" && (before == ":" || before == "[" && (after == "]" || after == ":"))
}

func isConstant(name string) bool { return name == "true" || name == "false" || name == "null" }

// explain turns the parser's error into one about the source.
func explain(source string, tokens []token, code string, marks []int, err error) error {
	var syntax parsing.SyntaxError
	if !errors.As(err, &syntax) {
		return faultAt(0, "holds a number that is out of range") // the scan has seen all else
	}
	found := -1
	for i, mark := range marks {
		if mark <= syntax.Offset {
			found = i
		}
	}
	if found < 0 || syntax.Offset >= len(code) {
		return faultAt(len(source), "ends too early")
	}
	t := tokens[found]
	if t.kind == tokenQuoted {
		return faultAt(t.offset, "has %s where it makes no sense; double quotes are for names, text stands in single quotes", clip(t.text, 40))
	}
	return faultAt(t.offset, "has %s where it makes no sense", clip(t.text, 40))
}

// located adds the expression and the column, counted in characters from 1, to a fault.
func located(source string, err error) error {
	var fault *syntaxError
	if !errors.As(err, &fault) {
		return err
	}
	column := utf8.RuneCountInString(source[:min(fault.offset, len(source))]) + 1
	return fmt.Errorf("the expression %s %s (column %d)", quoted(source), fault.msg, column)
}

// quoted returns source as it may stand in a message.
func quoted(source string) string { return "`" + clip(source, 80) + "`" }

// clip returns s on one line, without what a terminal or a log would obey, cut to n characters.
func clip(s string, n int) string {
	var b strings.Builder
	for _, r := range s {
		if n--; n < 0 {
			return b.String() + "…"
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
