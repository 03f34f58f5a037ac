// bl_align: the output registers of packets whose start may have moved.
//
// Function    The packet starts in lane `src_shift` of its first source beat; output beats take their bytes from two
//             neighbouring source beats. `prev` holds the older one until the newer one comes, or goes out alone at the end.
// Latency     Two cycles or more from a source beat to m_axis.
// Throughput  One source beat per cycle.
// Cuts        src to m_axis. Not cut: `m_axis_tready` to `src_ready`.
//
// If the packet ends in a lower lane than it starts in, the last source beat only completes the output beat before it and has
// none of its own.
`default_nettype none

module bl_align #(
    parameter int BUS_BYTES = 64,  // bytes of a beat; a power of two
    parameter int USER_W    = 64   // bits of tuser
) (
    input  wire logic                         clk,
    input  wire logic                         rst,
    input  wire logic                         src_valid,
    output logic                              src_ready,
    input  wire logic [8*BUS_BYTES-1:0]       src_data,
    input  wire logic                         src_last,
    // Constant over the beats of a packet:
    input  wire logic [$clog2(BUS_BYTES)-1:0] src_shift,     // lane of the packet's first byte in its first source beat
    input  wire logic [$clog2(BUS_BYTES)-1:0] src_end_lane,  // lane of the packet's last byte in its last source beat
    input  wire logic [USER_W-1:0]            src_user,
    output logic      [8*BUS_BYTES-1:0]       m_axis_tdata,
    output logic      [BUS_BYTES-1:0]         m_axis_tkeep,
    output logic                              m_axis_tvalid,
    input  wire logic                         m_axis_tready,
    output logic                              m_axis_tlast,
    output logic      [USER_W-1:0]            m_axis_tuser
);
  localparam int LANE_W = $clog2(BUS_BYTES);

  logic [8*BUS_BYTES-1:0] prev_data_q;
  logic                   prev_last_q;
  logic [LANE_W-1:0]      prev_shift_q;
  logic [LANE_W-1:0]      prev_end_lane_q;
  logic [USER_W-1:0]      prev_user_q;
  logic                   prev_valid_q;

  logic [8*BUS_BYTES-1:0] data_q;
  logic [BUS_BYTES-1:0]   keep_q;
  logic                   last_q;
  logic [USER_W-1:0]      user_q;
  logic                   valid_q;

  logic              short_end;  // the packet's last source beat has no output beat of its own
  logic              prev_mute;  // `prev` is such a beat
  logic              prev_may;   // what `prev` produces has room
  logic              consume;    // `prev` is used up in this cycle
  logic              out_last;
  logic [LANE_W-1:0] out_end_lane;

  assign short_end = prev_end_lane_q < prev_shift_q;
  assign prev_mute = prev_last_q && short_end;
  assign prev_may  = prev_mute || !valid_q || m_axis_tready;
  assign consume   = prev_valid_q && prev_may && (prev_last_q || src_valid);
  assign src_ready = !prev_valid_q || prev_may;

  assign out_last     = prev_last_q || (src_last && short_end);
  assign out_end_lane = prev_end_lane_q - prev_shift_q;

  always_ff @(posedge clk) begin
    if (rst) begin
      prev_valid_q <= 1'b0;
      valid_q      <= 1'b0;
    end else begin
      if (src_ready && (src_valid || consume)) prev_valid_q <= src_valid;
      if (!valid_q || m_axis_tready) valid_q <= consume && !prev_mute;
    end
  end

  always_ff @(posedge clk) begin
    if (src_valid && src_ready) begin
      prev_data_q     <= src_data;
      prev_last_q     <= src_last;
      prev_shift_q    <= src_shift;
      prev_end_lane_q <= src_end_lane;
      prev_user_q     <= src_user;
    end
  end

  // The bytes from lane `shift` on of `prev` followed by the newer beat. Large steps come first: each step needs only
  // as many bytes of the one before as the remaining steps can still move.
  logic [16*BUS_BYTES-1:0] pair;

  always_comb begin
    pair = {src_data, prev_data_q};
    for (int i = LANE_W - 1; i >= 0; i--) begin
      if (prev_shift_q[i]) pair = pair >> (8 << i);
    end
  end

  always_ff @(posedge clk) begin
    if (consume && !prev_mute) begin
      data_q <= pair[8*BUS_BYTES-1:0];
      keep_q <= out_last ? ~(~BUS_BYTES'(1) << out_end_lane) : '1;
      last_q <= out_last;
      user_q <= prev_user_q;
    end
  end

  assign m_axis_tdata  = data_q;
  assign m_axis_tkeep  = keep_q;
  assign m_axis_tvalid = valid_q;
  assign m_axis_tlast  = last_q;
  assign m_axis_tuser  = user_q;

  logic unused_pair;
  assign unused_pair = &{1'b0, pair[16*BUS_BYTES-1:8*BUS_BYTES]};
endmodule

`default_nettype wire
