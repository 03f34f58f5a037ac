// bl_align: makes output beats from source beats, for packets whose start may have moved.
//
// Function    An output beat takes its bytes from two neighbouring source beats: lanes from `src_shift` up of the older one,
//             lanes below it of the newer one. One source beat per output beat comes in, and which of the two it is depends on
//             the packet's start:
//               start moved down (`src_down`): the newer one. The older is the source beat before, for the first
//               output beat `src_before`; so a packet that grows into its headroom costs no source beat more.
//               Otherwise: the older one, which waits for the next, or goes on alone if it is the last.
// Latency     Two cycles or more from a source beat to the output beat that it starts.
// Throughput  One source beat per cycle.
// Cuts        src to out, merging from rotating. Not cut: `out_ready` to `src_ready`.
//
// If the start has not moved down and the packet ends in a lower lane than it starts in, the last source beat only
// completes the output beat before it and has none of its own.
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
    input  wire logic [8*BUS_BYTES-1:0]       src_before,    // with `src_first`: the source beat before this one
    input  wire logic                         src_first,
    input  wire logic                         src_last,
    // Constant over the beats of a packet:
    input  wire logic                         src_down,      // the packet starts at a negative coordinate
    input  wire logic [$clog2(BUS_BYTES)-1:0] src_shift,     // lane of the packet's first byte in its source beat
    input  wire logic [$clog2(BUS_BYTES)-1:0] src_end_lane,  // lane of the packet's last byte in its source beat
    input  wire logic [USER_W-1:0]            src_user,
    output logic                              out_valid,
    input  wire logic                         out_ready,
    output logic      [8*BUS_BYTES-1:0]       out_data,
    output logic                              out_last,
    output logic      [$clog2(BUS_BYTES)-1:0] out_end_lane,  // lane of the packet's last byte in its last output beat
    output logic      [USER_W-1:0]            out_user
);
  localparam int LANE_W = $clog2(BUS_BYTES);

  // ---------------------------------------------------------------------------------------- hold
  // One output beat: whole with `down`, else its lower part is still to come with the next source beat.
  logic [8*BUS_BYTES-1:0] older_q;  // the last source beat taken
  logic [8*BUS_BYTES-1:0] hold_data_q;
  logic                   hold_down_q;
  logic                   hold_last_q;
  logic [LANE_W-1:0]      hold_shift_q;
  logic [LANE_W-1:0]      hold_end_lane_q;
  logic [USER_W-1:0]      hold_user_q;
  logic                   hold_valid_q;

  logic short_end;  // the packet ends in a lower lane than it starts in
  logic hold_mute;  // `hold` is a last source beat without an output beat of its own
  logic hold_may;   // what `hold` produces has room
  logic consume;    // `hold` is used up in this cycle
  logic mix_ready;

  assign short_end = hold_end_lane_q < hold_shift_q;
  assign hold_mute = hold_last_q && !hold_down_q && short_end;
  assign hold_may  = hold_mute || mix_ready;
  assign consume   = hold_valid_q && hold_may && (hold_down_q || hold_last_q || src_valid);
  assign src_ready = !hold_valid_q || hold_may;

  always_ff @(posedge clk) begin
    if (rst) hold_valid_q <= 1'b0;
    else if (src_ready && (src_valid || consume)) hold_valid_q <= src_valid;
  end

  logic [BUS_BYTES-1:0] src_upper;  // lanes from `src_shift` up
  assign src_upper = ~BUS_BYTES'(0) << src_shift;

  for (genvar l = 0; l < BUS_BYTES; l++) begin : gen_hold
    always_ff @(posedge clk) begin
      if (src_valid && src_ready) begin
        if (!src_down || !src_upper[l]) hold_data_q[8*l+:8] <= src_data[8*l+:8];
        else if (src_first) hold_data_q[8*l+:8] <= src_before[8*l+:8];
        else hold_data_q[8*l+:8] <= older_q[8*l+:8];
      end
    end
  end

  always_ff @(posedge clk) begin
    if (src_valid && src_ready) begin
      older_q         <= src_data;
      hold_down_q     <= src_down;
      hold_last_q     <= src_last;
      hold_shift_q    <= src_shift;
      hold_end_lane_q <= src_end_lane;
      hold_user_q     <= src_user;
    end
  end

  // ---------------------------------------------------------------------------------------- mix
  // One output beat with all its bytes, each still in the lane that it had in its source beat.
  logic [8*BUS_BYTES-1:0] mix_data_q;
  logic                   mix_last_q;
  logic [LANE_W-1:0]      mix_shift_q;
  logic [LANE_W-1:0]      mix_end_lane_q;
  logic [USER_W-1:0]      mix_user_q;
  logic                   mix_valid_q;

  assign mix_ready = !mix_valid_q || out_ready;

  always_ff @(posedge clk) begin
    if (rst) mix_valid_q <= 1'b0;
    else if (mix_ready) mix_valid_q <= consume && !hold_mute;
  end

  logic [BUS_BYTES-1:0] hold_lower;  // lanes that come with the next source beat
  assign hold_lower = hold_down_q ? '0 : ~(~BUS_BYTES'(0) << hold_shift_q);

  for (genvar l = 0; l < BUS_BYTES; l++) begin : gen_mix
    always_ff @(posedge clk) begin
      if (mix_ready) mix_data_q[8*l+:8] <= hold_lower[l] ? src_data[8*l+:8] : hold_data_q[8*l+:8];
    end
  end

  always_ff @(posedge clk) begin
    if (mix_ready) begin
      mix_last_q     <= hold_last_q || (!hold_down_q && src_last && short_end);
      mix_shift_q    <= hold_shift_q;
      mix_end_lane_q <= hold_end_lane_q - hold_shift_q;
      mix_user_q     <= hold_user_q;
    end
  end

  // ---------------------------------------------------------------------------------------- rotate
  logic [8*BUS_BYTES-1:0] turned;

  always_comb begin
    turned = mix_data_q;
    for (int i = 0; i < LANE_W; i++) begin
      if (mix_shift_q[i]) turned = (turned >> (8 << i)) | (turned << (8 * BUS_BYTES - (8 << i)));
    end
  end

  assign out_valid    = mix_valid_q;
  assign out_data     = turned;
  assign out_last     = mix_last_q;
  assign out_end_lane = mix_end_lane_q;
  assign out_user     = mix_user_q;
endmodule

`default_nettype wire
