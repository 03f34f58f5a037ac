// bl_desc_fifo: holds the descriptors of packets that have left the last stage.
//
// Function    First in, first out. The oldest descriptor stands in a register of its own, the others in
//             DEPTH rows of small RAM that are read without a clock, so the reader's logic starts at a register.
// Latency     A descriptor pushed in cycle c is at the head from cycle c + 1 on, if none is before it.
// Throughput  One push and one pop per cycle.
// Cuts        Every combinational path: `head_valid` and `head_data` come from registers.
//
// There is no `full`: the framer admits at most DEPTH packets. Do not pop without `head_valid`.
`default_nettype none

module bl_desc_fifo #(
    parameter int WIDTH = 64,  // bits of a descriptor
    parameter int DEPTH = 16   // descriptors; a power of two
) (
    input  wire logic             clk,
    input  wire logic             rst,
    input  wire logic             push,
    input  wire logic [WIDTH-1:0] push_data,
    output logic                  head_valid,
    output logic      [WIDTH-1:0] head_data,
    input  wire logic             pop
);
  if (WIDTH < 1) begin : gen_check_width
    $error("bl_desc_fifo: WIDTH must be at least 1");
  end
  if (DEPTH < 2 || (DEPTH & (DEPTH - 1)) != 0) begin : gen_check_depth
    $error("bl_desc_fifo: DEPTH must be a power of two, at least 2");
  end

  localparam int AW = $clog2(DEPTH);

  (* no_rw_check, ram_style = "distributed" *) logic [WIDTH-1:0] mem [DEPTH];
  logic [AW:0]      write_q;
  logic [AW:0]      read_q;
  logic             head_valid_q;
  logic [WIDTH-1:0] head_data_q;

  logic waiting;  // the RAM holds a descriptor
  logic load;     // the head register can take one
  logic bypass;   // the pushed descriptor goes straight to the head register

  assign head_valid = head_valid_q;
  assign head_data  = head_data_q;

  assign waiting = (read_q != write_q);
  assign load    = !head_valid_q || pop;
  assign bypass  = push && load && !waiting;

  always_ff @(posedge clk) begin
    if (push) mem[write_q[AW-1:0]] <= push_data;
  end

  always_ff @(posedge clk) begin
    if (load) head_data_q <= waiting ? mem[read_q[AW-1:0]] : push_data;
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      write_q      <= '0;
      read_q       <= '0;
      head_valid_q <= 1'b0;
    end else begin
      if (push && !bypass) write_q <= write_q + 1'b1;
      if (load && waiting) read_q <= read_q + 1'b1;
      if (load) head_valid_q <= waiting || push;
    end
  end
endmodule

`default_nettype wire
