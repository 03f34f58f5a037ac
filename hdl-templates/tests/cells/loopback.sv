// Framer, packet FIFO and deparser, with the stages left open: the driver plays them.
`default_nettype none

module loopback #(
    parameter int WINDOW     = 64,
    parameter int HEADROOM   = 0,
    parameter int DESC_DEPTH = 16,
    parameter int PKT_DEPTH  = 512,
    parameter bit ALIGN      = 0,
    parameter logic [HEADROOM+WINDOW-1:0] PATCH_MASK = '1
) (
    input  wire logic                           clk,
    input  wire logic                           rst,
    input  wire logic [511:0]                   s_axis_tdata,
    input  wire logic [63:0]                    s_axis_tkeep,
    input  wire logic                           s_axis_tvalid,
    output logic                                s_axis_tready,
    input  wire logic                           s_axis_tlast,
    input  wire logic [143:0]                   s_axis_tuser,
    input  wire logic                           token_insert,
    output logic                                out_valid,
    output logic                                out_token,
    output logic      [8*WINDOW-1:0]            out_window,
    output logic      [15:0]                    out_length,
    output logic      [63:0]                    out_timestamp,
    output logic      [31:0]                    out_ifindex,
    output logic      [31:0]                    out_queue,
    output logic      [31:0]                    out_packet_index,
    input  wire logic                           desc_push,
    input  wire logic [15:0]                    desc_length,
    input  wire logic [17:0]                    desc_start,
    input  wire logic [17:0]                    desc_end,
    input  wire logic [17:0]                    desc_valid_end,
    input  wire logic [31:0]                    desc_action,
    input  wire logic [7:0]                     desc_redirect_map,
    input  wire logic [31:0]                    desc_redirect_key,
    input  wire logic [8*(HEADROOM+WINDOW)-1:0] patch_data,
    input  wire logic [HEADROOM+WINDOW-1:0]     patch_en,
    output logic      [511:0]                   m_axis_tdata,
    output logic      [63:0]                    m_axis_tkeep,
    output logic                                m_axis_tvalid,
    input  wire logic                           m_axis_tready,
    output logic                                m_axis_tlast,
    output logic      [63:0]                    m_axis_tuser,
    output logic                                retire_valid,
    output logic      [31:0]                    retire_code,
    output logic      [15:0]                    retire_length,
    output logic      [7:0]                     retire_redirect_map,
    output logic      [31:0]                    retire_redirect_key
);
  logic         pkt_push;
  logic [511:0] pkt_in;
  logic         pkt_full;
  logic         pkt_valid;
  logic [511:0] pkt_out;
  logic         pkt_pop;

  bl_framer #(
      .WINDOW    (WINDOW),
      .DESC_DEPTH(DESC_DEPTH)
  ) u_framer (
      .pkt_data(pkt_in),
      .desc_pop(retire_valid),
      .*
  );

  bl_packet_fifo #(
      .WIDTH(512),
      .DEPTH(PKT_DEPTH)
  ) u_packets (
      .clk       (clk),
      .rst       (rst),
      .push      (pkt_push),
      .push_data (pkt_in),
      .full      (pkt_full),
      .head_valid(pkt_valid),
      .head_data (pkt_out),
      .pop       (pkt_pop)
  );

  // No events here.
  logic desc_events;
  logic events_done;
  logic retire_events;
  logic unused_events;
  assign desc_events   = 1'b0;
  assign events_done   = 1'b1;
  assign unused_events = &{1'b0, retire_events};

  bl_deparser #(
      .HEADROOM  (HEADROOM),
      .WINDOW    (WINDOW),
      .DESC_DEPTH(DESC_DEPTH),
      .ALIGN     (ALIGN),
      .PATCH_MASK(PATCH_MASK)
  ) u_deparser (
      .pkt_data(pkt_out),
      .*
  );
endmodule

`default_nettype wire
