// bl_deparser: turns descriptors and stored beats back into packets.
//
// Function    Takes the descriptor of each packet from the last stage (it holds the descriptor FIFO), walks over the packet
//             one source beat at a time, patches written bytes in, clears bytes that never existed, shifts to the new
//             start (ALIGN), and retires the packet with its last step. Timing: docs/rtl-interface.md.
// Latency     A descriptor pushed in cycle c starts in cycle c + 1; a source beat of cycle c is on m_axis in cycle c + 1, with
//             ALIGN = 1 in cycle c + 3 or later.
// Throughput  One step per cycle; a packet takes as many steps as it has beats, on the longer side.
// Cuts        Descriptor to m_axis, packet FIFO to m_axis. Not cut: `m_axis_tready` to `pkt_pop` and `retire_*`.
//
// `start`, `end` and `valid_end` are signed coordinates: 0 is the first byte of the packet as it arrived. Coordinate
// c of the patches is at index c + HEADROOM.
`default_nettype none

module bl_deparser #(
    parameter int BUS_BYTES  = 64,  // bytes of a beat; a power of two, at least 8
    parameter int HEADROOM   = 0,   // bytes before the packet that the program can write
    parameter int WINDOW     = 64,  // leading bytes of the packet that the program can write, at least 1
    parameter int DESC_DEPTH = 16,  // descriptors; a power of two
    parameter bit ALIGN      = 0,   // 1: `desc_start` is not always 0
    parameter logic [HEADROOM+WINDOW-1:0] PATCH_MASK = '1  // coordinates that are ever written; the others cost nothing
) (
    input  wire logic                           clk,
    input  wire logic                           rst,
    // From the last boundary. No ready: the framer's credits keep room.
    input  wire logic                           desc_push,
    input  wire logic [15:0]                    desc_length,        // as it arrived
    input  wire logic [17:0]                    desc_start,         // signed; tie to 0 with ALIGN = 0
    input  wire logic [17:0]                    desc_end,           // signed
    input  wire logic [17:0]                    desc_valid_end,     // signed
    input  wire logic [31:0]                    desc_action,
    input  wire logic [7:0]                     desc_redirect_map,
    input  wire logic [31:0]                    desc_redirect_key,
    input  wire logic                           desc_events,        // the packet has sent events
    input  wire logic [8*(HEADROOM+WINDOW)-1:0] patch_data,
    input  wire logic [HEADROOM+WINDOW-1:0]     patch_en,
    // Packet FIFO.
    input  wire logic                           pkt_valid,
    input  wire logic [8*BUS_BYTES-1:0]         pkt_data,
    output logic                                pkt_pop,
    // Packets out. `tuser` is {redirect key[31:0], redirect map[7:0], action[7:0], length[15:0]}.
    output logic      [8*BUS_BYTES-1:0]         m_axis_tdata,
    output logic      [BUS_BYTES-1:0]           m_axis_tkeep,
    output logic                                m_axis_tvalid,
    input  wire logic                           m_axis_tready,
    output logic                                m_axis_tlast,
    output logic      [63:0]                    m_axis_tuser,
    // One pulse per packet, in the cycle of its last step. `retire_valid` is also the framer's `desc_pop`.
    output logic                                retire_valid,
    output logic      [31:0]                    retire_code,
    output logic      [15:0]                    retire_length,
    output logic      [7:0]                     retire_redirect_map,
    output logic      [31:0]                    retire_redirect_key,
    // Events: the records of a packet that is not retired have gone; such a packet is retired.
    input  wire logic                           events_done,
    output logic                                retire_events
);
  if (BUS_BYTES < 8 || (BUS_BYTES & (BUS_BYTES - 1)) != 0) begin : gen_check_bus
    $error("bl_deparser: BUS_BYTES must be a power of two, at least 8");
  end
  if (HEADROOM < 0 || WINDOW < 1) begin : gen_check_window
    $error("bl_deparser: HEADROOM must be at least 0, WINDOW at least 1");
  end

  localparam int LANE_W = $clog2(BUS_BYTES);  // bits of a byte's place in its beat
  localparam int BEAT_W = 18 - LANE_W;        // bits of a source beat's number, signed
  localparam int SPAN   = HEADROOM + WINDOW;  // coordinates of the patches

  // Patches that are never written are not stored.
  function automatic int patches_below(input int n);
    patches_below = 0;
    for (int i = 0; i < n; i++) patches_below = patches_below + (PATCH_MASK[i] ? 1 : 0);
  endfunction

  localparam int PATCHES = patches_below(SPAN);
  localparam int STORED  = PATCHES > 0 ? PATCHES : 1;  // no signal of width 0

  // ---------------------------------------------------------------------------------------- descriptor
  // The numbers that steer the walk are computed before the FIFO, so that the walk starts at registers.
  typedef struct packed {
    logic [31:0]         action;
    logic [7:0]          redirect_map;
    logic [31:0]         redirect_key;
    logic [15:0]         length;       // of the output
    logic                leaves;       // PASS, TX or REDIRECT
    logic                events;       // it sends events
    logic                down;         // `start` is negative
    logic [BEAT_W-1:0]   first_emit;   // first step with output
    logic [BEAT_W-1:0]   last_emit;    // last step with output
    logic [BEAT_W-1:0]   last_stored;  // last beat of the packet as it arrived
    logic [BEAT_W-1:0]   first_step;
    logic [BEAT_W-1:0]   last_step;
    logic [LANE_W-1:0]   start_lane;   // lane of the first output byte
    logic [LANE_W-1:0]   end_lane;     // lane of the last output byte
    logic [17:0]         limit;        // coordinate from which the packet FIFO's bytes count as zero
    logic [STORED-1:0]   patch_en;
    logic [8*STORED-1:0] patch_data;
  } desc_t;

  desc_t               push;
  logic [STORED-1:0]   push_patch_en;
  logic [8*STORED-1:0] push_patch_data;
  logic [17:0]         length_in;
  logic [17:0]         stored_end;  // coordinate of the last byte as it arrived
  logic [17:0]         output_end;  // coordinate of the last output byte
  logic                end_reaches; // the lane of the last output byte is not below that of the first

  assign length_in  = {2'b00, desc_length};
  assign stored_end = length_in - 18'd1;
  assign output_end = desc_end - 18'd1;

  assign end_reaches = output_end[LANE_W-1:0] >= desc_start[LANE_W-1:0];

  always_comb begin
    push.action       = desc_action;
    push.redirect_map = desc_redirect_map;
    push.redirect_key = desc_redirect_key;
    push.length       = desc_end[15:0] - desc_start[15:0];
    push.leaves       = desc_action == 32'd2 || desc_action == 32'd3 || desc_action == 32'd4;
    push.events       = desc_events;
    push.down         = desc_start[17];
    push.first_emit   = desc_start[17:LANE_W] + BEAT_W'(push.down);
    push.last_emit    = output_end[17:LANE_W] + BEAT_W'(push.down && end_reaches);
    push.last_stored  = stored_end[17:LANE_W];
    push.start_lane   = desc_start[LANE_W-1:0];
    push.end_lane     = output_end[LANE_W-1:0];
    push.limit        = $signed(desc_valid_end) < $signed(length_in) ? desc_valid_end : length_in;
    push.patch_en     = push_patch_en;
    push.patch_data   = push_patch_data;
    push.first_step   = push.leaves && push.first_emit[BEAT_W-1] ? push.first_emit : '0;
    push.last_step    = push.leaves && $signed(push.last_emit) > $signed(push.last_stored) ? push.last_emit : push.last_stored;
  end

  logic unused_lane;
  assign unused_lane = &{1'b0, stored_end[LANE_W-1:0]};

  desc_t head;
  logic  head_valid;

  bl_desc_fifo #(
      .WIDTH($bits(push)),
      .DEPTH(DESC_DEPTH)
  ) u_descriptors (
      .clk       (clk),
      .rst       (rst),
      .push      (desc_push),
      .push_data (push),
      .head_valid(head_valid),
      .head_data (head),
      .pop       (retire_valid)
  );

  // Packed patches in, spread patches out.
  logic [8*SPAN-1:0] head_patch_data;
  logic [SPAN-1:0]   head_patch_en;

  for (genvar i = 0; i < SPAN; i++) begin : gen_patch
    if (PATCH_MASK[i]) begin : gen_stored
      localparam int AT = patches_below(i);
      assign push_patch_en[AT]          = patch_en[i];
      assign push_patch_data[8*AT+:8]  = patch_data[8*i+:8];
      assign head_patch_en[i]           = head.patch_en[AT];
      assign head_patch_data[8*i+:8]   = head.patch_data[8*AT+:8];
    end else begin : gen_never
      assign head_patch_en[i]         = 1'b0;
      assign head_patch_data[8*i+:8] = 8'd0;
      logic unused_patch;
      assign unused_patch = &{1'b0, patch_en[i], patch_data[8*i+:8]};
    end
  end
  if (PATCHES == 0) begin : gen_no_patch
    assign push_patch_en   = '0;
    assign push_patch_data = '0;
    logic unused_patches;
    assign unused_patches = &{1'b0, head.patch_en, head.patch_data};
  end

  // ---------------------------------------------------------------------------------------- walk
  // One source beat per step. If the start is negative, the first step also has the beat before its own (`src_before`), so
  // that each step with output has all that its output beat needs. Beats before 0 exist only in the output, dropped
  // packets only in the packet FIFO.
  logic              started_q;  // `beat_q` is inside the packet at the head
  logic [BEAT_W-1:0] beat_q;
  logic [BEAT_W-1:0] beat;
  logic              pops;       // this step takes a beat from the packet FIFO
  logic              emits;      // this step has output
  logic              src_valid;
  logic              src_ready;
  logic              step;
  logic              last_step;
  logic              waits;      // the last step of a packet whose events have not gone

  assign beat  = started_q ? beat_q : head.first_step;
  assign pops  = !beat[BEAT_W-1] && $signed(beat) <= $signed(head.last_stored);
  assign emits = head.leaves && $signed(beat) >= $signed(head.first_emit) && $signed(beat) <= $signed(head.last_emit);

  assign last_step = beat == head.last_step;
  assign waits     = last_step && head.events && !events_done;
  assign src_valid = head_valid && emits && (!pops || pkt_valid) && !waits;
  assign step      = head_valid && (!pops || pkt_valid) && (!emits || src_ready) && !waits;
  assign pkt_pop   = step && pops;

  always_ff @(posedge clk) begin
    if (rst) started_q <= 1'b0;
    else if (step) started_q <= !last_step;
  end

  always_ff @(posedge clk) begin
    if (step) beat_q <= beat + 1'b1;
  end

  assign retire_valid        = step && last_step;
  assign retire_code         = head.action;
  assign retire_length       = head.length;
  assign retire_redirect_map = head.redirect_map;
  assign retire_redirect_key = head.redirect_key;
  assign retire_events       = retire_valid && head.events;

  // ---------------------------------------------------------------------------------------- output
  logic [8*BUS_BYTES-1:0] src_data;
  logic [8*BUS_BYTES-1:0] src_before;
  logic                   src_last;
  logic [63:0]            src_user;

  assign src_last = beat == head.last_emit;
  assign src_user = {head.redirect_key, head.redirect_map, head.action[7:0], head.length};

  bl_merge #(
      .BUS_BYTES(BUS_BYTES),
      .HEADROOM (HEADROOM),
      .WINDOW   (WINDOW),
      .BEAT_W   (BEAT_W)
  ) u_merge (
      .beat       (beat),
      .limit      (head.limit),
      .patch_data (head_patch_data),
      .patch_en   (head_patch_en),
      .pkt_data   (pkt_data),
      .data       (src_data),
      .data_before(src_before)
  );

  // Output beats.
  logic                   out_valid;
  logic                   out_ready;
  logic [8*BUS_BYTES-1:0] out_data;
  logic                   out_last;
  logic [LANE_W-1:0]      out_end_lane;
  logic [63:0]            out_user;

  if (ALIGN) begin : gen_align
    bl_align #(
        .BUS_BYTES(BUS_BYTES),
        .USER_W   (64)
    ) u_align (
        .src_first   (beat == head.first_emit),
        .src_down    (head.down),
        .src_shift   (head.start_lane),
        .src_end_lane(head.end_lane),
        .*
    );
  end else begin : gen_straight
    assign out_valid    = src_valid;
    assign src_ready    = out_ready;
    assign out_data     = src_data;
    assign out_last     = src_last;
    assign out_end_lane = head.end_lane;
    assign out_user     = src_user;

    logic unused_start;
    assign unused_start = &{1'b0, head.start_lane, head.down, src_before};
  end

  bl_emit #(
      .BUS_BYTES(BUS_BYTES),
      .USER_W   (64)
  ) u_emit (
      .src_valid   (out_valid),
      .src_ready   (out_ready),
      .src_data    (out_data),
      .src_last    (out_last),
      .src_end_lane(out_end_lane),
      .src_user    (out_user),
      .*
  );
endmodule

`default_nettype wire
