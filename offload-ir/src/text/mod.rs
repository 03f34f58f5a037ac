//! The textual form of the IR: printing and parsing of all three forms.
//!
//! `print(parse(text))` gives back the text that the printer made, and parsing what was printed gives the same
//! program: value and block numbers, types, name hints, source locations, bounds, predicates, stages, ports, boundaries and exits are
//! all kept. Two things are not: operations outside any block (dead ones), and blocks that the entry does not reach.
//! Numbers that the text skips are filled with dead values and unreachable blocks when it is parsed.
//!
//! # Grammar
//!
//! Blanks and line breaks separate words and mean nothing else; `;` starts a comment that ends with the line.
//! `N` is a decimal or `0x` number with an optional `-`; `"…"` is a string with the escapes of Rust.
//!
//! ```text
//! function  = "function" NAME "{" head block* "}"                    first block = entry
//! pipeline  = "pipeline" NAME "{" head op* verdict "}"
//! staged    = "staged" NAME "{" head target "stages" N "headroom" N "window" N port* ( "stage" sN | op | boundary )*
//!             verdict exit* "}"
//!
//! NAME      = word | "…"
//! head      = map* source*
//! map       = "map" mN "…" kind "key" N "value" N "entries" N [ "frozen" ] [ "initial" "hex bytes" ]
//! source    = "source" srcN "pc" N "insn" [ "line" "file" N ":" N "text" ]        line and column
//!
//! block     = bN [ "(" param ("," param)* ")" ] [ "max_trips" N ] ":" op* term
//! param     = value "." type
//! value     = vN [ "name hint" ]
//! type      = iN | mN                                                integer of N bits | entry of map mN
//! term      = "jump" goto | "branch" vN "," goto "," goto | verdict | "unreachable"
//! goto      = bN [ "(" vN ("," vN)* ")" ]
//! verdict   = "ret" "action" vN "start" vN "end" vN "valid_end" vN "redirect_map" vN "redirect_key" vN
//!
//! op        = [ value "=" ] opcode [ "if" vN ] [ "port" pN ] [ "@" srcN ]
//! opcode    = "const" "." type N
//!           | "input" "." type input-name
//!           | binary "." type vN "," vN           add sub mul udiv urem sdiv srem and or xor shl lshr ashr
//!           | compare "." type vN "," vN          eq ne ult ule slt sle
//!           | "select" "." type vN "," vN "," vN
//!           | ("zext" | "sext" | "bswap" | "is_null") "." type vN
//!           | "extract" "." type vN "," N         lowest bit
//!           | "concat" "." type vN ("," vN)*      least significant first
//!           | "pkt_load" "." type address
//!           | "pkt_store" address "," vN
//!           | "pkt_zero" vN "," vN
//!           | "map_lookup" "." mN "(" vN ("," vN)* ")"
//!           | "entry" "." mN ( N | "null" )
//!           | "map_load" "." type mN address
//!           | "map_store" mN address "," vN
//!           | "atomic_" kind "." type mN address "," vN [ "," vN ]     kind: add or and xor xchg cmpxchg (expected last)
//! address   = vN "+" vN bounds                                         base or entry, offset
//! bounds    = "[" N "]" | "[" N ".." N [ "&" N "=" N ] "]"             known offset | min, max, known mask and bits
//!
//! target    = "target" "…" ( field number )*                           fields of TargetDesc, by name
//! port      = ("lookup_port" pN mN | "value_port" pN mN "entry" vN) "issue" sN
//! boundary  = "boundary" sN [ "values" vN+ ] [ "bytes" range+ ]        after that stage
//! exit      = "exit" range ( "original" | "always" | "if" vN+ )
//! range     = N [ ".." N ]                                             coordinates, both ends included
//! ```
//!
//! In a staged pipeline, operations stand under the heading of their stage, and an operation that uses a port names it:
//! a `map_lookup` its lookup port, an access to a map's values its value port. Ports are numbered in one sequence,
//! lookups first.

mod lex;
mod names;
mod parse;
mod parse_op;
mod parse_staged;
mod print;
mod print_staged;

pub use parse::{parse_function, parse_pipeline, ParseError};
pub use parse_staged::parse_staged;
pub(crate) use print::Notes;
