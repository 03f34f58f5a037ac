// bl_emit: the output register.
//
// Function    Beats go out as they are, with `tkeep` from the place of the last byte.
// Latency     A beat accepted in cycle c is on m_axis from cycle c + 1.
// Throughput  One beat per cycle.
// Cuts        src to m_axis. Not cut: `m_axis_tready` to `src_ready`.
`default_nettype none

module bl_emit #(
    parameter int BUS_BYTES = 64,  // bytes of a beat; a power of two
    parameter int USER_W    = 64   // bits of tuser
) (
    input  wire logic                         clk,
    input  wire logic                         rst,
    input  wire logic                         src_valid,
    output logic                              src_ready,
    input  wire logic [8*BUS_BYTES-1:0]       src_data,
    input  wire logic                         src_last,
    input  wire logic [$clog2(BUS_BYTES)-1:0] src_end_lane,  // lane of the packet's last byte in its last beat
    input  wire logic [USER_W-1:0]            src_user,
    output logic      [8*BUS_BYTES-1:0]       m_axis_tdata,
    output logic      [BUS_BYTES-1:0]         m_axis_tkeep,
    output logic                              m_axis_tvalid,
    input  wire logic                         m_axis_tready,
    output logic                              m_axis_tlast,
    output logic      [USER_W-1:0]            m_axis_tuser
);
  logic [8*BUS_BYTES-1:0] data_q;
  logic [BUS_BYTES-1:0]   keep_q;
  logic                   last_q;
  logic [USER_W-1:0]      user_q;
  logic                   valid_q;

  assign src_ready = !valid_q || m_axis_tready;

  always_ff @(posedge clk) begin
    if (rst) valid_q <= 1'b0;
    else if (src_ready) valid_q <= src_valid;
  end

  // `src_end_lane` + 1 ones, from lane 0 up.
  always_ff @(posedge clk) begin
    if (src_ready) begin
      data_q <= src_data;
      keep_q <= src_last ? ~(~BUS_BYTES'(1) << src_end_lane) : '1;
      last_q <= src_last;
      user_q <= src_user;
    end
  end

  assign m_axis_tdata  = data_q;
  assign m_axis_tkeep  = keep_q;
  assign m_axis_tvalid = valid_q;
  assign m_axis_tlast  = last_q;
  assign m_axis_tuser  = user_q;
endmodule

`default_nettype wire
