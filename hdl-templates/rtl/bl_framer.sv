// bl_framer: cuts the header window of every packet and starts the packet in stage 0.
//
// Function    Collects the first WINDOW bytes of a packet, clears the bytes at or beyond its length, and sends
//             window and metadata to stage 0; hands every beat to the packet FIFO; numbers the packets;
//             lets a host token take an empty slot. Admits at most DESC_DEPTH packets at a time.
// Latency     If the beat that completes the window (beat NWB - 1, or `tlast` before it) is accepted in cycle c, the
//             packet is in stage 0 in cycle c + 1. A token inserted in cycle c is in stage 0 in cycle c + 1.
// Throughput  One beat per cycle; a packet of one beat per cycle.
// Cuts        s_axis to stage 0. Not cut: s_axis to the write port of the packet FIFO; `pkt_full` and
//             `token_insert` (both registers) to `s_axis_tready`.
`default_nettype none

module bl_framer #(
    parameter int BUS_BYTES  = 64,  // bytes of a beat; a power of two, at least 8
    parameter int WINDOW     = 64,  // bytes of a packet that the stages see, at least 1
    parameter int DESC_DEPTH = 16   // packets in flight at most; a power of two
) (
    input  wire logic                   clk,
    input  wire logic                   rst,
    // Packets in. `tuser` is {queue[31:0], ifindex[31:0], timestamp[63:0], length[15:0]}, held for the whole packet.
    input  wire logic [8*BUS_BYTES-1:0] s_axis_tdata,
    input  wire logic [BUS_BYTES-1:0]   s_axis_tkeep,
    input  wire logic                   s_axis_tvalid,
    output logic                        s_axis_tready,
    input  wire logic                   s_axis_tlast,
    input  wire logic [143:0]           s_axis_tuser,
    // Host: one cycle of 1 sends a token.
    input  wire logic                   token_insert,
    // Packet FIFO.
    output logic                        pkt_push,
    output logic      [8*BUS_BYTES-1:0] pkt_data,
    input  wire logic                   pkt_full,
    // From the deparser: a descriptor was popped (its `retire_valid`).
    input  wire logic                   desc_pop,
    // Stage 0. `out_valid` and `out_token` are never both 1; the rest is meaningful with `out_valid`.
    output logic                        out_valid,
    output logic                        out_token,
    output logic      [8*WINDOW-1:0]    out_window,
    output logic      [15:0]            out_length,
    output logic      [63:0]            out_timestamp,
    output logic      [31:0]            out_ifindex,
    output logic      [31:0]            out_queue,
    output logic      [31:0]            out_packet_index
);
  if (BUS_BYTES < 8 || (BUS_BYTES & (BUS_BYTES - 1)) != 0) begin : gen_check_bus
    $error("bl_framer: BUS_BYTES must be a power of two, at least 8");
  end
  if (WINDOW < 1) begin : gen_check_window
    $error("bl_framer: WINDOW must be at least 1");
  end
  if (DESC_DEPTH < 2 || (DESC_DEPTH & (DESC_DEPTH - 1)) != 0) begin : gen_check_depth
    $error("bl_framer: DESC_DEPTH must be a power of two, at least 2");
  end

  localparam int NWB     = (WINDOW + BUS_BYTES - 1) / BUS_BYTES;  // beats of the window
  localparam int LANE_W  = $clog2(BUS_BYTES);                     // bits of a byte's place in its beat
  localparam int BEAT_W  = 16 - LANE_W;                           // bits of a beat number
  localparam int CREDITW = $clog2(DESC_DEPTH);

  logic                accept;
  logic                first_q;     // the next beat is the first of its packet
  logic [NWB-1:0]      place_q;     // one-hot: the window beat that comes next; none once the window is complete
  logic                completing;
  logic [CREDITW:0]    inflight_q;  // DESC_DEPTH is reached when the top bit is 1
  logic [31:0]         number_q;    // of the packet that completes next
  logic                out_valid_q;
  logic                out_token_q;
  logic [8*WINDOW-1:0] window_q;
  logic [143:0]        meta_q;
  logic [31:0]         packet_index_q;

  assign s_axis_tready = !pkt_full && !inflight_q[CREDITW] && !token_insert;
  assign accept        = s_axis_tvalid && s_axis_tready;
  assign pkt_push      = accept;
  assign pkt_data      = s_axis_tdata;

  assign completing = accept && (place_q[NWB-1] || (s_axis_tlast && place_q != '0));

  always_ff @(posedge clk) begin
    if (rst) begin
      first_q     <= 1'b1;
      place_q     <= NWB'(1);
      inflight_q  <= '0;
      number_q    <= '0;
      out_valid_q <= 1'b0;
      out_token_q <= 1'b0;
    end else begin
      if (accept) begin
        first_q <= s_axis_tlast;
        place_q <= s_axis_tlast ? NWB'(1) : place_q << 1;
      end
      if (completing) number_q <= number_q + 1'b1;
      if (completing && !desc_pop) inflight_q <= inflight_q + 1'b1;
      if (desc_pop && !completing) inflight_q <= inflight_q - 1'b1;
      out_valid_q <= completing;
      out_token_q <= token_insert;
    end
  end

  always_ff @(posedge clk) begin
    if (completing) begin
      meta_q         <= s_axis_tuser;
      packet_index_q <= number_q;
    end
  end

  // Which bytes of beat b lie before the length: all if length / BUS_BYTES > b; the first length % BUS_BYTES if equal.
  logic [LANE_W-1:0]    tail_lanes;
  logic [BEAT_W-1:0]    full_beats;
  logic [BUS_BYTES-1:0] tail_mask;

  assign tail_lanes = s_axis_tuser[LANE_W-1:0];
  assign full_beats = s_axis_tuser[15:LANE_W];

  for (genvar l = 0; l < BUS_BYTES - 1; l++) begin : gen_tail
    assign tail_mask[l] = tail_lanes > LANE_W'(l);
  end
  assign tail_mask[BUS_BYTES-1] = 1'b0;  // a beat whose last byte is inside is full

  for (genvar b = 0; b < WINDOW; b++) begin : gen_window
    localparam int BEAT = b / BUS_BYTES;
    localparam int LANE = b % BUS_BYTES;
    logic inside_packet;
    assign inside_packet = (full_beats > BEAT_W'(BEAT)) || (full_beats == BEAT_W'(BEAT) && tail_mask[LANE]);

    // The first beat clears the places of the later ones, for packets that end before the window does.
    always_ff @(posedge clk) begin
      if (accept && place_q[BEAT]) window_q[8*b+:8] <= inside_packet ? s_axis_tdata[8*LANE+:8] : 8'd0;
      else if (accept && first_q) window_q[8*b+:8] <= 8'd0;
    end
  end

  assign out_valid        = out_valid_q;
  assign out_token        = out_token_q;
  assign out_window       = window_q;
  assign out_length       = meta_q[15:0];
  assign out_timestamp    = meta_q[79:16];
  assign out_ifindex      = meta_q[111:80];
  assign out_queue        = meta_q[143:112];
  assign out_packet_index = packet_index_q;

  // `length` in `tuser` says what `tkeep` says.
  logic unused_tkeep;
  assign unused_tkeep = &{1'b0, s_axis_tkeep};
endmodule

`default_nettype wire
