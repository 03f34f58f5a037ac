// bl_lpm_level: one level of the search in a sorted list of boundaries.
//
// Function    Rows of 2**DIGIT boundaries, in two tables. A packet presents a table and a row number, the digits of a position that the
//             levels before have found; the level finds the next digit: the number of the last boundary in the row that is
//             not greater than the key. Boundaries at positions from the table's count on do not count.
// Latency     STEP cycles from `in_*` to `out_*`.
// Throughput  One key per cycle.
// Cuts        `in_*` to `out_*`. `wr_*` ends in the memory.
//
// Keys and boundaries are {data, length}; without COMPARE_LEN every key is longer than or as long as every boundary. A level that is
// not the last needs no boundary 0: what is before boundary 1 is in the first subtree. The host writes boundaries by position; the
// level takes those that stand in it. The row that is being written must not be searched.
`default_nettype none

module bl_lpm_level #(
    parameter int KEY_W       = 32,    // bits of data
    parameter int LEN_W       = 6,     // bits of a length
    parameter bit COMPARE_LEN = 1'b0,  // compare lengths too
    parameter int INDEX_W     = 4,     // bits of a position
    parameter int ABOVE       = 0,     // of these, found before
    parameter int DIGIT       = 4,     // of these, found here; 1 to 4
    parameter int SLOT_W      = 4,     // bits of an entry's slot
    parameter int STEP        = 1,     // 1, or 2 with a register behind the memory
    parameter int NODE_W      = ABOVE > 0 ? ABOVE : 1,           // derived: leave alone
    parameter int ROW_W       = 1 + SLOT_W + LEN_W + KEY_W       // derived: leave alone
) (
    input  wire logic                   clk,
    input  wire logic                   rst,        // nothing is under way
    // A packet.
    input  wire logic                   in_table,
    input  wire logic [NODE_W-1:0]      in_node,    // 0 if nothing is found before
    input  wire logic [KEY_W-1:0]       in_key,
    input  wire logic [LEN_W-1:0]       in_len,
    input  wire logic [1:0]             in_tag,     // travels along; 0 after a reset
    // The same packet STEP cycles later.
    output logic                        out_table,
    output logic      [ABOVE+DIGIT-1:0] out_node,
    output logic      [KEY_W-1:0]       out_key,
    output logic      [LEN_W-1:0]       out_len,
    output logic      [1:0]             out_tag,
    // Last level: the boundary at the packet's position, {present, slot}, if there is one; and the row's boundary `pick`, whole.
    output logic                        out_found,
    output logic      [SLOT_W:0]        out_entry,
    input  wire logic [DIGIT-1:0]       pick,
    output logic      [ROW_W-1:0]       out_row,
    // The host.
    input  wire logic [INDEX_W:0]       count_0,    // boundaries of table 0
    input  wire logic [INDEX_W:0]       count_1,    // and 1
    input  wire logic                   wr_en,
    input  wire logic                   wr_table,
    input  wire logic [INDEX_W-1:0]     wr_index,
    input  wire logic [ROW_W-1:0]       wr_row      // {present, slot, length, data}
);
  localparam int COLUMNS = 1 << DIGIT;
  localparam int BELOW   = INDEX_W - ABOVE - DIGIT;  // bits of a position that later levels find
  localparam bit LAST    = BELOW == 0;
  localparam int FIRST   = LAST ? 0 : 1;
  localparam int KEPT_W  = LAST ? ROW_W : COMPARE_LEN ? KEY_W + LEN_W : KEY_W;  // low bits of a row that are stored
  localparam int DEPTH   = 2 << ABOVE;

  if (KEY_W < 1 || LEN_W < 1 || SLOT_W < 1 || DIGIT < 1 || DIGIT > 4 || ABOVE < 0 || BELOW < 0) begin : gen_check
    $error("bl_lpm_level: widths must be at least 1, DIGIT 1 to 4, ABOVE + DIGIT at most INDEX_W");
  end
  if (STEP != 1 && STEP != 2) begin : gen_check_step
    $error("bl_lpm_level: STEP must be 1 or 2");
  end

  // ---------------------------------------------------------------------------------------- where a written boundary stands
  logic             wr_here;
  logic [DIGIT-1:0] wr_column;
  logic [ABOVE:0]   wr_at;
  logic [ABOVE:0]   rd_at;

  assign wr_column = wr_index[BELOW+:DIGIT];
  if (LAST) begin : gen_all
    assign wr_here = 1'b1;
  end else begin : gen_first_of_subtree
    assign wr_here = wr_index[BELOW-1:0] == '0;
  end
  if (ABOVE > 0) begin : gen_rows
    assign wr_at = {wr_table, wr_index[INDEX_W-1-:NODE_W]};
    assign rd_at = {in_table, in_node};
  end else begin : gen_one_row
    assign wr_at = wr_table;
    assign rd_at = in_table;

    logic unused_node;
    assign unused_node = &{1'b0, in_node};
  end

  // ---------------------------------------------------------------------------------------- the packet beside the memory
  logic              table_q;
  logic [NODE_W-1:0] node_q;
  logic [KEY_W-1:0]  key_q;
  logic [LEN_W-1:0]  len_q;
  logic [1:0]        tag_q;

  always_ff @(posedge clk) begin
    table_q <= in_table;
    node_q  <= in_node;
    key_q   <= in_key;
    len_q   <= in_len;
    tag_q   <= rst ? 2'b00 : in_tag;
  end

  logic [NODE_W-1:0]         node;  // of the packet whose rows are in `rows`
  logic [COLUMNS*ROW_W-1:0]  rows;

  if (STEP == 1) begin : gen_one_step
    assign {out_table, node, out_key, out_len, out_tag} = {table_q, node_q, key_q, len_q, tag_q};
  end else begin : gen_two_steps
    always_ff @(posedge clk) begin
      {out_table, node, out_key, out_len} <= {table_q, node_q, key_q, len_q};
      out_tag <= rst ? 2'b00 : tag_q;
    end
  end

  // ---------------------------------------------------------------------------------------- memory and comparison
  // Positions in this row that count: all, those of columns below `rest`, or none.
  localparam int LIMIT_W = ABOVE + DIGIT + 1;

  logic [INDEX_W:0]   count;
  logic [LIMIT_W-1:0] limit;    // of the positions that are multiples of 2**BELOW, how many count
  logic               full;
  logic               partly;
  logic [COLUMNS-1:0] part;     // by column: counts in the row that counts partly
  logic [COLUMNS-1:0] reached;  // by column: the boundary counts and is not greater than the key

  assign count = out_table ? count_1 : count_0;
  assign part  = ~({COLUMNS{1'b1}} << limit[DIGIT-1:0]);
  if (LAST) begin : gen_exact
    assign limit = count;
  end else begin : gen_rounded_up
    assign limit = count[INDEX_W:BELOW] + LIMIT_W'(|count[BELOW-1:0]);
  end
  if (ABOVE > 0) begin : gen_part_of_table
    assign full   = {1'b0, node} < limit[LIMIT_W-1:DIGIT];
    assign partly = {1'b0, node} == limit[LIMIT_W-1:DIGIT];
  end else begin : gen_whole_table
    assign full   = limit[DIGIT];
    assign partly = !limit[DIGIT];
  end

  for (genvar c = 0; c < COLUMNS; c++) begin : gen_column
    if (c >= FIRST) begin : gen_boundary
      (* no_rw_check *) logic [KEPT_W-1:0] mem [DEPTH];
      logic [KEPT_W-1:0] mem_q;
      logic [KEPT_W-1:0] kept;
      logic              below;

      always_ff @(posedge clk) begin
        if (wr_en && wr_here && wr_column == DIGIT'(c)) mem[wr_at] <= wr_row[KEPT_W-1:0];
      end
      always_ff @(posedge clk) mem_q <= mem[rd_at];

      if (STEP == 1) begin : gen_direct
        assign kept = mem_q;
      end else begin : gen_register
        always_ff @(posedge clk) kept <= mem_q;
      end

      if (COMPARE_LEN) begin : gen_both
        assign below = {kept[KEY_W-1:0], kept[KEY_W+:LEN_W]} <= {out_key, out_len};
      end else begin : gen_data
        assign below = kept[KEY_W-1:0] <= out_key;
      end
      assign reached[c]              = below && (full || (partly && part[c]));
      assign rows[c*ROW_W+:ROW_W] = ROW_W'(kept);
    end else begin : gen_first_subtree
      assign reached[c]              = 1'b1;
      assign rows[c*ROW_W+:ROW_W] = '0;

      logic unused_part;
      assign unused_part = &{1'b0, part[c]};
    end
  end

  // The boundaries are sorted, so those that are reached come first: a binary search for the last one.
  logic [DIGIT-1:0] digit;

  always_comb begin
    digit = '0;
    for (int b = DIGIT - 1; b >= 0; b--) begin
      digit[b] = reached[digit|DIGIT'(1<<b)];
    end
  end

  if (ABOVE > 0) begin : gen_longer
    assign out_node = {node, digit};
  end else begin : gen_first_digit
    assign out_node = digit;

    logic unused_no_node;
    assign unused_no_node = &{1'b0, node};
  end

  if (LAST) begin : gen_answer
    assign out_found = reached[0];
    assign out_entry = rows[32'(digit)*ROW_W+KEY_W+LEN_W+:SLOT_W+1];
    assign out_row   = rows[32'(pick)*ROW_W+:ROW_W];
  end else begin : gen_no_answer
    assign out_found = 1'b0;
    assign out_entry = '0;
    assign out_row   = '0;

    logic unused_rows;
    assign unused_rows = &{1'b0, rows, pick, wr_row, reached[0]};
  end
endmodule

`default_nettype wire
