// bl_event_out: sends the records of packets to user space, in the order of the packets.
//
// Function    Takes the records of each packet that has some when it leaves the last stage, keeps them in a FIFO, and
//             sends them one after the other, a beat per cycle. Counts the packets whose records have gone to the output
//             register and that are not retired: the deparser holds a packet's last step back until its own have.
//             Timing: docs/rtl-interface.md, "Events".
// Latency     Records pushed in cycle c are on m_event in cycle c + 2 at the earliest.
// Throughput  One beat per cycle; a record takes as many as it has, an empty one takes one.
// Cuts        Last stage to m_event; `m_event_tready` to the deparser. Not cut: `m_event_tready` to the FIFO's read side.
//
// A packet has SLOTS places for records; slot s is sent if bit s of `push_send` is 1. Slots are sent lowest first. There is no `full`: the
// framer admits at most DEPTH packets, and each of them is retired after its records have gone.
`default_nettype none

module bl_event_out #(
    parameter int SLOTS   = 1,   // records that a packet can send, at least 1
    parameter int TOTAL   = 8,   // bytes of all slots together, at least 1
    parameter int LONGEST = 8,   // bytes of the longest slot, at least 1
    parameter int DEPTH   = 16,  // packets in flight at most; a power of two
    parameter logic [16*SLOTS-1:0] BYTES = (16 * SLOTS)'(8),  // bytes of each slot's longest record
    parameter logic [8*SLOTS-1:0]  MAP   = (8 * SLOTS)'(0),   // number of each slot's map
    parameter logic [SLOTS-1:0]    FIXED = SLOTS'(0)          // 1: the slot's records all have BYTES bytes
) (
    input  wire logic                clk,
    input  wire logic                rst,
    // From the last boundary: a packet, and what it sends. The data of the slots stand behind each other, without gaps.
    input  wire logic                push,
    input  wire logic [SLOTS-1:0]    push_send,
    input  wire logic [16*SLOTS-1:0] push_length,
    input  wire logic [8*TOTAL-1:0]  push_data,
    // Deparser: the packet pushed has records; the records of a packet that is not retired have gone; one such is retired.
    output logic                     desc_events,
    output logic                     events_done,
    input  wire logic                retire_events,
    // Records out. `tuser` is {packet number[31:0], 0[7:0], map number[7:0], length[15:0]}.
    output logic      [511:0]        m_event_tdata,
    output logic      [63:0]         m_event_tkeep,
    output logic                     m_event_tvalid,
    input  wire logic                m_event_tready,
    output logic                     m_event_tlast,
    output logic      [63:0]         m_event_tuser
);
  if (SLOTS < 1 || TOTAL < 1 || LONGEST < 1) begin : gen_check_size
    $error("bl_event_out: SLOTS, TOTAL and LONGEST must be at least 1");
  end
  if (DEPTH < 2 || (DEPTH & (DEPTH - 1)) != 0) begin : gen_check_depth
    $error("bl_event_out: DEPTH must be a power of two, at least 2");
  end

  localparam int BEATS  = (LONGEST + 63) / 64;
  localparam int BEAT_W = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam int COUNT_W = $clog2(DEPTH) + 1;

  // Bytes in front of slot n.
  function automatic int bytes_below(input int n);
    bytes_below = 0;
    for (int i = 0; i < n; i++) bytes_below = bytes_below + int'({16'd0, BYTES[16*i+:16]});
  endfunction

  // ---------------------------------------------------------------------------------------- FIFO
  logic [31:0]         number_q;  // of the packet that is pushed next
  logic                head_valid;
  logic [31:0]         head_number;
  logic [SLOTS-1:0]    head_send;
  logic [16*SLOTS-1:0] head_length;
  logic [8*TOTAL-1:0]  head_data;
  logic                pop;

  assign desc_events = push_send != '0;

  always_ff @(posedge clk) begin
    if (rst) number_q <= '0;
    else if (push) number_q <= number_q + 1'b1;
  end

  bl_desc_fifo #(
      .WIDTH(32 + 17 * SLOTS + 8 * TOTAL),
      .DEPTH(DEPTH)
  ) u_records (
      .clk       (clk),
      .rst       (rst),
      .push      (push && desc_events),
      .push_data ({number_q, push_send, push_length, push_data}),
      .head_valid(head_valid),
      .head_data ({head_number, head_send, head_length, head_data}),
      .pop       (pop)
  );

  // ---------------------------------------------------------------------------------------- walk
  logic [SLOTS-1:0]  gone_q;      // slots of the head that have been sent
  logic [BEAT_W-1:0] beat_q;
  logic [SLOTS-1:0]  left;        // slots still to be sent
  logic [SLOTS-1:0]  slot;        // the lowest of them, one-hot
  logic [7:0]        map;
  logic [15:0]       length;
  logic [15:0]       final_byte;  // place of the record's last byte
  logic [511:0]      data;
  logic              last_beat;
  logic              last_slot;
  logic              step;

  assign left = head_send & ~gone_q;
  assign slot = left & (~left + 1'b1);

  // What each slot has, if it is its turn.
  logic [8*SLOTS-1:0]   slot_map;
  logic [16*SLOTS-1:0]  slot_length;
  logic [512*SLOTS-1:0] slot_data;

  for (genvar s = 0; s < SLOTS; s++) begin : gen_slot
    localparam int N  = int'({16'd0, BYTES[16*s+:16]});
    localparam int AT = bytes_below(s);
    assign slot_map[8*s+:8] = slot[s] ? MAP[8*s+:8] : 8'd0;
    assign slot_length[16*s+:16] = !slot[s] ? 16'd0 : FIXED[s] ? BYTES[16*s+:16] : head_length[16*s+:16];
    if (FIXED[s]) begin : gen_fixed
      logic unused_length;
      assign unused_length = &{1'b0, head_length[16*s+:16]};
    end

    // Each lane of the stream takes one of the bytes that can be there.
    for (genvar l = 0; l < 64; l++) begin : gen_lane
      logic [7:0] lane;
      always_comb begin
        lane = 8'd0;
        for (int b = 0; 64 * b + l < N; b++) begin
          if (slot[s] && beat_q == BEAT_W'(b)) lane = head_data[8*(AT+64*b+l)+:8];
        end
      end
      assign slot_data[512*s+8*l+:8] = lane;
    end
  end

  always_comb begin
    map    = '0;
    length = '0;
    data   = '0;
    for (int s = 0; s < SLOTS; s++) begin
      map    = map | slot_map[8*s+:8];
      length = length | slot_length[16*s+:16];
      data   = data | slot_data[512*s+:512];
    end
  end

  assign final_byte = length == 16'd0 ? 16'd0 : length - 16'd1;
  assign last_beat  = final_byte[15:6] == 10'(beat_q);
  assign last_slot  = (left & ~slot) == '0;
  assign step       = head_valid && (!m_event_tvalid || m_event_tready);
  assign pop        = step && last_beat && last_slot;

  always_ff @(posedge clk) begin
    if (rst) begin
      gone_q <= '0;
      beat_q <= '0;
    end else if (step) begin
      beat_q <= last_beat ? '0 : beat_q + 1'b1;
      if (last_beat) gone_q <= last_slot ? '0 : gone_q | slot;
    end
  end

  // Packets whose records have gone, and that are not retired.
  logic [COUNT_W-1:0] done_q;

  assign events_done = done_q != '0;

  always_ff @(posedge clk) begin
    if (rst) done_q <= '0;
    else if (pop && !retire_events) done_q <= done_q + 1'b1;
    else if (retire_events && !pop) done_q <= done_q - 1'b1;
  end

  // ---------------------------------------------------------------------------------------- output
  always_ff @(posedge clk) begin
    if (rst) m_event_tvalid <= 1'b0;
    else if (step) m_event_tvalid <= 1'b1;
    else if (m_event_tready) m_event_tvalid <= 1'b0;
  end

  always_ff @(posedge clk) begin
    if (step) begin
      m_event_tdata <= data;
      m_event_tlast <= last_beat;
      m_event_tuser <= {head_number, 8'd0, map, length};
      for (int i = 0; i < 64; i++) begin
        m_event_tkeep[i] <= length != 16'd0 && (!last_beat || 6'(i) <= final_byte[5:0]);
      end
    end
  end
endmodule

`default_nettype wire
