// bl_merge: the content of one source beat, and of the headroom before it.
//
// Function    Source beat `beat` holds the coordinates beat * BUS_BYTES and up. Each byte is the patched one if its patch is
//             enabled, else the stored packet's if its coordinate is in 0 .. limit - 1, else zero. `data_before` is the same
//             for beat - 1, if that lies in the headroom, where nothing is stored.
// Latency     None, combinational; one beat per cycle.
// Cuts        Nothing. `pkt_data` passes one multiplexer; the patches of the beat are chosen beside it.
`default_nettype none

module bl_merge #(
    parameter int BUS_BYTES = 64,  // bytes of a beat; a power of two
    parameter int HEADROOM  = 0,   // patches before coordinate 0
    parameter int WINDOW    = 64,  // patches from coordinate 0 on, at least 1
    parameter int BEAT_W    = 12   // bits of a beat number
) (
    input  wire logic signed [BEAT_W-1:0]       beat,
    input  wire logic signed [17:0]             limit,
    input  wire logic [8*(HEADROOM+WINDOW)-1:0] patch_data,  // coordinate c at index c + HEADROOM
    input  wire logic [HEADROOM+WINDOW-1:0]     patch_en,
    input  wire logic [8*BUS_BYTES-1:0]         pkt_data,
    output logic      [8*BUS_BYTES-1:0]         data,
    output logic      [8*BUS_BYTES-1:0]         data_before  // meaningful if `beat` is at most 0
);
  localparam int LANE_W    = $clog2(BUS_BYTES);
  localparam int PRE_BEATS = (HEADROOM + BUS_BYTES - 1) / BUS_BYTES;  // beats at negative coordinates
  localparam int BEATS     = PRE_BEATS + (WINDOW + BUS_BYTES - 1) / BUS_BYTES;
  localparam int LANES     = BEATS * BUS_BYTES;
  localparam int PAD       = PRE_BEATS * BUS_BYTES - HEADROOM;        // lanes before the first patch

  // The patches, laid out in whole beats.
  logic [8*LANES-1:0] all_data;
  logic [LANES-1:0]   all_en;

  for (genvar l = 0; l < LANES; l++) begin : gen_layout
    if (l >= PAD && l < PAD + HEADROOM + WINDOW) begin : gen_patch
      assign all_data[8*l+:8] = patch_data[8*(l-PAD)+:8];
      assign all_en[l]        = patch_en[l-PAD];
    end else begin : gen_none
      assign all_data[8*l+:8] = 8'd0;
      assign all_en[l]        = 1'b0;
    end
  end

  logic [8*BUS_BYTES-1:0] beat_data;
  logic [BUS_BYTES-1:0]   beat_en;

  always_comb begin
    beat_data = '0;
    beat_en   = '0;
    for (int b = 0; b < BEATS; b++) begin
      if (beat == BEAT_W'(b - PRE_BEATS)) begin
        beat_data = all_data[8*BUS_BYTES*b+:8*BUS_BYTES];
        beat_en   = all_en[BUS_BYTES*b+:BUS_BYTES];
      end
    end
  end

  logic [8*BUS_BYTES-1:0] before_data;
  logic [BUS_BYTES-1:0]   before_en;

  always_comb begin
    before_data = '0;
    before_en   = '0;
    for (int b = 0; b < PRE_BEATS; b++) begin
      if (beat == BEAT_W'(b - PRE_BEATS + 1)) begin
        before_data = all_data[8*BUS_BYTES*b+:8*BUS_BYTES];
        before_en   = all_en[BUS_BYTES*b+:BUS_BYTES];
      end
    end
  end

  // Bytes of this beat below the limit: all, the first limit % BUS_BYTES, or none.
  logic signed [BEAT_W-1:0] limit_beat;
  logic                     all_below;
  logic                     some_below;

  assign limit_beat = $signed(limit[17:LANE_W]);
  assign all_below  = (beat < limit_beat) && !beat[BEAT_W-1];
  assign some_below = (beat == limit_beat) && !beat[BEAT_W-1];

  for (genvar l = 0; l < BUS_BYTES; l++) begin : gen_lane
    logic below;
    if (l < BUS_BYTES - 1) begin : gen_some
      assign below = all_below || (some_below && limit[LANE_W-1:0] > LANE_W'(l));
    end else begin : gen_last
      assign below = all_below;
    end
    assign data[8*l+:8]        = beat_en[l] ? beat_data[8*l+:8] : below ? pkt_data[8*l+:8] : 8'd0;
    assign data_before[8*l+:8] = before_en[l] ? before_data[8*l+:8] : 8'd0;
  end
endmodule

`default_nettype wire
