// bl_bind: puts the rules beside the cells. Read after the cells and the rules.

bind bl_packet_fifo bl_fifo_rules #(
    .WIDTH   (WIDTH),
    .CAPACITY(DEPTH)
) u_rules (.*);

bind bl_desc_fifo bl_fifo_rules #(
    .WIDTH   (WIDTH),
    .CAPACITY(DEPTH)
) u_rules (.*);

// Bytes of `tdata` without `tkeep` are undefined, but the register does not change either.
bind bl_deparser bl_stream_rules #(
    .WIDTH(9 * BUS_BYTES + 65)
) u_output_rules (
    .clk    (clk),
    .rst    (rst),
    .valid  (m_axis_tvalid),
    .ready  (m_axis_tready),
    .payload({m_axis_tdata, m_axis_tkeep, m_axis_tlast, m_axis_tuser})
);

bind bl_event_out bl_stream_rules #(
    .WIDTH(641)
) u_event_rules (
    .clk    (clk),
    .rst    (rst),
    .valid  (m_event_tvalid),
    .ready  (m_event_tready),
    .payload({m_event_tdata, m_event_tkeep, m_event_tlast, m_event_tuser})
);

bind bl_host bl_stream_rules #(
    .WIDTH(34)
) u_read_rules (
    .clk    (clk),
    .rst    (rst),
    .valid  (s_axil_rvalid),
    .ready  (s_axil_rready),
    .payload({s_axil_rdata, s_axil_rresp})
);

bind bl_host bl_stream_rules #(
    .WIDTH(2)
) u_write_rules (
    .clk    (clk),
    .rst    (rst),
    .valid  (s_axil_bvalid),
    .ready  (s_axil_bready),
    .payload(s_axil_bresp)
);
