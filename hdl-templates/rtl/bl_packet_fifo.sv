// bl_packet_fifo: holds every beat of the packets that are in flight.
//
// Function    First in, first out, of DEPTH beats. The storage maps to block RAM (one write port, one
//             registered read port); the oldest beat is prefetched into the RAM's output register.
// Latency     A beat pushed in cycle c can be popped from cycle c + 2 on.
// Throughput  One push and one pop per cycle.
// Cuts        Every combinational path: `full`, `head_valid` and `head_data` come from registers.
//
// `full` counts the prefetched beat, so at most DEPTH beats are inside. Do not push while `full`, nor pop
// without `head_valid`.
`default_nettype none

module bl_packet_fifo #(
    parameter int WIDTH = 512,  // bits of a beat
    parameter int DEPTH = 512   // beats; a power of two
) (
    input  wire logic             clk,
    input  wire logic             rst,
    input  wire logic             push,
    input  wire logic [WIDTH-1:0] push_data,
    output logic                  full,
    output logic                  head_valid,
    output logic      [WIDTH-1:0] head_data,
    input  wire logic             pop
);
  if (WIDTH < 1) begin : gen_check_width
    $error("bl_packet_fifo: WIDTH must be at least 1");
  end
  if (DEPTH < 2 || (DEPTH & (DEPTH - 1)) != 0) begin : gen_check_depth
    $error("bl_packet_fifo: DEPTH must be a power of two, at least 2");
  end

  localparam int AW = $clog2(DEPTH);

  (* no_rw_check *) logic [WIDTH-1:0] mem [DEPTH];
  logic [AW:0]      write_q;       // the extra bit tells a full ring from an empty one
  logic [AW:0]      read_q;        // next beat to prefetch
  logic [AW:0]      count_q;       // beats inside, the prefetched one included
  logic             head_valid_q;
  logic [WIDTH-1:0] head_data_q;
  logic             fetch;

  assign full       = count_q[AW];
  assign head_valid = head_valid_q;
  assign head_data  = head_data_q;

  // A beat that is being written in this cycle is not fetched yet: `write_q` moves at the end of it. Reader and
  // writer therefore never meet at one address.
  assign fetch = (!head_valid_q || pop) && (read_q != write_q);

  always_ff @(posedge clk) begin
    if (push) mem[write_q[AW-1:0]] <= push_data;
  end

  always_ff @(posedge clk) begin
    if (fetch) head_data_q <= mem[read_q[AW-1:0]];
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      write_q      <= '0;
      read_q       <= '0;
      count_q      <= '0;
      head_valid_q <= 1'b0;
    end else begin
      if (push) write_q <= write_q + 1'b1;
      if (fetch) read_q <= read_q + 1'b1;
      if (fetch || pop) head_valid_q <= fetch;
      if (push && !pop) count_q <= count_q + 1'b1;
      if (pop && !push) count_q <= count_q - 1'b1;
    end
  end
endmodule

`default_nettype wire
