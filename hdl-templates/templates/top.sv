// {{ module }}: packets in, packets out, {{ num_stages }} stages between.
//
{% include "origin.sv" %}
//
// A packet that enters stage 0 in cycle c is in stage s in cycle c + s; the stages never stall. tuser of s_axis is {queue[31:0],
// ifindex[31:0], timestamp in ns[63:0], length[15:0]}, of m_axis {redirect key[31:0], redirect map[7:0], action[7:0], length[15:0]}.
//
// Host registers (s_axil): docs/rtl-interface.md of Beeline, and the C header beside this file.
{% if !maps.is_empty() %}//
// Maps:
{% for m in maps %}//   {{ m }}
{% endfor %}{% endif %}`default_nettype none

module {{ module }}{% if !parameters.is_empty() %} #(
{% for p in parameters %}    parameter logic [31:0] {{ p.name }} = 32'd{{ p.value }}{% if !loop.last %},{% endif %}  // {{ p.comment }}
{% endfor %}){% endif %} (
    input  wire logic         clk,
    input  wire logic         rst,
    // Packets in.
    input  wire logic [511:0] s_axis_tdata,
    input  wire logic [63:0]  s_axis_tkeep,
    input  wire logic         s_axis_tvalid,
    output logic              s_axis_tready,
    input  wire logic         s_axis_tlast,
    input  wire logic [143:0] s_axis_tuser,
    // Packets out.
    output logic      [511:0] m_axis_tdata,
    output logic      [63:0]  m_axis_tkeep,
    output logic              m_axis_tvalid,
    input  wire logic         m_axis_tready,
    output logic              m_axis_tlast,
    output logic      [63:0]  m_axis_tuser,
    // One pulse per packet.
    output logic              retire_valid,
    output logic      [31:0]  retire_code,
    output logic      [15:0]  retire_length,
    output logic      [7:0]   retire_redirect_map,
    output logic      [31:0]  retire_redirect_key,
{% if events %}    // Records to user space. tuser is {packet number[31:0], 0[7:0], map number[7:0], length[15:0]}.
    output logic      [511:0] m_event_tdata,
    output logic      [63:0]  m_event_tkeep,
    output logic              m_event_tvalid,
    input  wire logic         m_event_tready,
    output logic              m_event_tlast,
    output logic      [63:0]  m_event_tuser,
{% endif %}    // Host.
    input  wire logic [15:0]  s_axil_awaddr,
    input  wire logic         s_axil_awvalid,
    output logic              s_axil_awready,
    input  wire logic [31:0]  s_axil_wdata,
    input  wire logic [3:0]   s_axil_wstrb,
    input  wire logic         s_axil_wvalid,
    output logic              s_axil_wready,
    output logic      [1:0]   s_axil_bresp,
    output logic              s_axil_bvalid,
    input  wire logic         s_axil_bready,
    input  wire logic [15:0]  s_axil_araddr,
    input  wire logic         s_axil_arvalid,
    output logic              s_axil_arready,
    output logic      [31:0]  s_axil_rdata,
    output logic      [1:0]   s_axil_rresp,
    output logic              s_axil_rvalid,
    input  wire logic         s_axil_rready
);
{{ body }}{% if !unused.is_empty() %}
  // What the program has no use for.
  logic unused;
  assign unused = {{ unused }};
{% endif %}endmodule

`default_nettype wire
