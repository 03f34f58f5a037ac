// {{ package }}: what the stages hand on.
//
{% include "origin.sv" %}
//
// win_A_B holds bytes A to B of the packet, byte A in the lowest bits; win_mA stands before the packet.
// Entries of maps are {hit, slot}.
`default_nettype none

package {{ package }};
{% for s in structs %}
  // {{ s.comment }}
  typedef struct packed {
{% for f in s.fields %}    {{ f }}
{% endfor %}  } {{ s.name }};
{% endfor %}
endpackage

`default_nettype wire
