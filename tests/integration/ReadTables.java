import java.nio.file.Path;
import java.util.StringJoiner;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.Table;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.hadoop.HadoopTables;
import org.apache.iceberg.io.CloseableIterable;

/**
 * Reads tables with Iceberg's own reader. Each line of the first file is a folder, a snapshot (or "current") and columns;
 * the second file gets, for each, a line "table", then a line for each row, or one that starts with "error".
 */
public class ReadTables {
  public static void main(String[] args) throws Exception {
    StringBuilder out = new StringBuilder();
    for (String line : java.nio.file.Files.readAllLines(Path.of(args[0]))) {
      out.append("table\n");
      try {
        read(line.split("\t"), out);
      } catch (Exception e) {
        out.append("error\t").append(e.toString().replace('\n', ' ')).append('\n');
      }
    }
    java.nio.file.Files.writeString(Path.of(args[1]), out);
  }

  static void read(String[] asked, StringBuilder out) throws Exception {
    String[] columns = asked[2].split(",");
    Table table = new HadoopTables(new Configuration()).load(asked[0]);
    IcebergGenerics.ScanBuilder scan = IcebergGenerics.read(table).select(columns);
    if (!asked[1].equals("current")) {
      scan = scan.useSnapshot(Long.parseLong(asked[1]));
    }
    try (CloseableIterable<org.apache.iceberg.data.Record> rows = scan.build()) {
      for (org.apache.iceberg.data.Record row : rows) {
        StringJoiner cells = new StringJoiner("\t", "row\t", "\n");
        for (String column : columns) {
          cells.add(text(row.getField(column)));
        }
        out.append(cells);
      }
    }
  }

  /** A letter for the type, then the value, numbers exactly. */
  static String text(Object value) {
    if (value instanceof Double || value instanceof Float) {
      return "d" + Double.toHexString(((Number) value).doubleValue());
    }
    if (value instanceof Number) {
      return "i" + value;
    }
    return value == null ? "n" : "s" + value;
  }
}
