package fake

// node is one member of a record in JSON: a field, or a parent with members of its own.
type node struct {
	key      []byte // ,"Name":
	leaf     *path
	hop      hop // of a parent
	children []*node
	name     string
}

// tree groups a query's columns as its answer nests them.
func (p *plan) tree() []*node {
	var roots []*node
	for i := range p.columns {
		c := &p.columns[i]
		into := &roots
		for depth, name := range c.names {
			var n *node
			for _, have := range *into {
				if have.name == name && have.leaf == nil {
					n = have
				}
			}
			if n == nil || depth == len(c.hops) {
				n = &node{name: name, key: append(appendQuoted([]byte{','}, name), ':')}
				*into = append(*into, n)
			}
			if depth == len(c.hops) {
				n.leaf = c
				break
			}
			n.hop = c.hops[depth]
			into = &n.children
		}
	}
	return roots
}

// appendRecord adds one record in JSON. base is the path of sobjects, as /services/data/v58.0/sobjects/.
func (o *Org) appendRecord(dst []byte, base string, nodes []*node, t *table, place int) []byte {
	dst = append(dst, `{"attributes":{"type":"`...)
	dst = append(dst, t.object.Name...)
	dst = append(dst, `","url":"`...)
	dst = append(dst, base...)
	dst = append(dst, t.object.Name...)
	dst = append(dst, '/')
	dst = appendID(dst, t.object.KeyPrefix, place+1)
	dst = append(dst, `"}`...)
	for _, n := range nodes {
		dst = append(dst, n.key...)
		if n.leaf == nil {
			if parent, at, ok := o.parent(n.hop, place); ok {
				dst = o.appendRecord(dst, base, n.children, parent, at)
			} else {
				dst = append(dst, "null"...)
			}
			continue
		}
		dst = o.appendField(dst, base, t, place, n.leaf.field[t])
	}
	return append(dst, '}')
}

func (o *Org) appendField(dst []byte, base string, t *table, place, field int) []byte {
	f := &t.object.Fields[field]
	switch {
	case f.compound():
		return t.appendCompound(dst, place, f)
	case f.Type == "base64":
		dst = append(dst, '"')
		dst = append(dst, base...)
		dst = append(dst, t.object.Name...)
		dst = append(dst, '/')
		dst = appendID(dst, t.object.KeyPrefix, place+1)
		dst = append(dst, '/')
		dst = append(dst, f.Name...)
		return append(dst, '"')
	}
	return t.get(place, field).appendJSON(dst)
}

// appendCompound adds an address or a location as an object of its parts; null when all of them are.
func (t *table) appendCompound(dst []byte, place int, f *Field) []byte {
	at, some := len(dst), false
	open := byte('{')
	for i, part := range t.object.Fields {
		if part.Compound != f.Name || t.gone[i] {
			continue
		}
		v := t.get(place, i)
		some = some || v.k != null
		dst = append(dst, open)
		dst = appendQuoted(dst, partName(f, part.Name))
		dst = append(dst, ':')
		dst = v.appendJSON(dst)
		open = ','
	}
	if !some {
		return append(dst[:at], "null"...)
	}
	return append(dst, '}')
}

// partName is a part's name within its compound: BillingCity is city, Place__Latitude__s is latitude.
func partName(compound *Field, part string) string {
	if compound.Type == "location" {
		part = part[len(compound.Name)-len("c") : len(part)-len("__s")]
	} else {
		part = part[len(compound.Name)-len("Address"):]
	}
	return string(part[0]|0x20) + part[1:]
}
