package pipeline

import "github.com/jmespath-community/go-jmespath/pkg/parsing"

// pathOf returns the names of an expression that is a plain path such as steps.a.body, else nil.
func pathOf(node *parsing.ASTNode) []string {
	switch node.NodeType {
	case parsing.ASTField:
		return []string{node.Value.(string)}
	case parsing.ASTSubexpression:
		left, right := pathOf(&node.Children[0]), pathOf(&node.Children[1])
		if left == nil || right == nil {
			return nil
		}
		return append(left, right...)
	default:
		return nil
	}
}

// visitor is told what an expression refers to, as far as that can be seen without evaluating it.
type visitor struct {
	// name gets a name at the beginning of a path, and the one after it or "". A null there does no
	// harm when guarded, as on the left of ||.
	name func(root, member string, guarded bool)
	// call gets each function that is called.
	call func(function string, arguments int)
}

// place is what is known of the value that a part of an expression applies to.
type place struct {
	atRoot  bool // it is the object of all names
	guarded bool // a null is expected
}

func (v *visitor) visit(node *parsing.ASTNode, at place) {
	guarded := at
	guarded.guarded = true
	inner := place{guarded: true}
	switch node.NodeType {
	case parsing.ASTField:
		if at.atRoot {
			v.name(node.Value.(string), "", at.guarded)
		}
	case parsing.ASTSubexpression:
		left, right := &node.Children[0], &node.Children[1]
		switch {
		case left.NodeType == parsing.ASTRootNode, at.atRoot && isCurrent(left):
			v.visit(right, place{atRoot: true, guarded: at.guarded})
		case at.atRoot && left.NodeType == parsing.ASTField && right.NodeType == parsing.ASTField:
			v.name(left.Value.(string), right.Value.(string), at.guarded)
		case left.NodeType == parsing.ASTSubexpression && left.Children[0].NodeType == parsing.ASTRootNode && isField(left) && right.NodeType == parsing.ASTField:
			v.name(left.Children[1].Value.(string), right.Value.(string), at.guarded) // $.steps.a
		default:
			v.visit(left, at)
			v.visit(right, inner)
		}
	case parsing.ASTPipe:
		v.visit(&node.Children[0], at)
		v.visit(&node.Children[1], place{atRoot: at.atRoot && isCurrent(&node.Children[0]), guarded: true})
	case parsing.ASTIndexExpression, parsing.ASTProjection, parsing.ASTValueProjection, parsing.ASTFilterProjection:
		v.visit(&node.Children[0], at)
		for i := range node.Children[1:] {
			v.visit(&node.Children[1+i], inner)
		}
	case parsing.ASTOrExpression:
		v.visit(&node.Children[0], guarded)
		v.visit(&node.Children[1], at)
	case parsing.ASTFunctionExpression:
		name := node.Value.(string)
		v.call(name, len(node.Children))
		if name == "not_null" || name == "type" || name == "to_array" {
			at = guarded
		}
		v.all(node, at)
	case parsing.ASTExpRef:
		v.all(node, inner)
	case parsing.ASTFlatten, parsing.ASTArithmeticExpression, parsing.ASTArithmeticUnaryExpression:
		v.all(node, at)
	default:
		v.all(node, guarded)
	}
}

func (v *visitor) all(node *parsing.ASTNode, at place) {
	for i := range node.Children {
		v.visit(&node.Children[i], at)
	}
}

func isCurrent(node *parsing.ASTNode) bool {
	return node.NodeType == parsing.ASTCurrentNode || node.NodeType == parsing.ASTRootNode
}

func isField(node *parsing.ASTNode) bool { return node.Children[1].NodeType == parsing.ASTField }
