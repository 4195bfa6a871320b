import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.tahu.edge.EdgeClient;
import org.eclipse.tahu.edge.api.MetricHandler;
import org.eclipse.tahu.message.SparkplugBPayloadDecoder;
import org.eclipse.tahu.message.SparkplugBPayloadEncoder;
import org.eclipse.tahu.message.model.DeviceDescriptor;
import org.eclipse.tahu.message.model.EdgeNodeDescriptor;
import org.eclipse.tahu.message.model.MessageType;
import org.eclipse.tahu.message.model.Metric;
import org.eclipse.tahu.message.model.MetricDataType;
import org.eclipse.tahu.message.model.PropertyDataType;
import org.eclipse.tahu.message.model.PropertySet;
import org.eclipse.tahu.message.model.PropertyValue;
import org.eclipse.tahu.message.model.SparkplugBPayload;
import org.eclipse.tahu.message.model.SparkplugBPayloadMap;
import org.eclipse.tahu.message.model.SparkplugDescriptor;
import org.eclipse.tahu.message.model.StatePayload;
import org.eclipse.tahu.message.model.Topic;
import org.eclipse.tahu.model.MqttServerDefinition;
import org.eclipse.tahu.mqtt.ClientCallback;
import org.eclipse.tahu.mqtt.MqttClientId;
import org.eclipse.tahu.mqtt.MqttServerName;
import org.eclipse.tahu.mqtt.MqttServerUrl;

/** An edge node of Eclipse Tahu: births on request and for its primary host, and what it is told to send over stdin. */
public class TahuNode implements MetricHandler, ClientCallback {
  static final String DEVICE = "press-4";
  final EdgeNodeDescriptor node = new EdgeNodeDescriptor("tahu", "line-1");
  final DeviceDescriptor device = new DeviceDescriptor("tahu", "line-1", DEVICE);
  EdgeClient client;
  long bdSeq = 0;
  long sentBdSeq = 0;

  public static void main(String[] args) throws Exception {
    new TahuNode().serve(args[0], args[1], args[2], args.length > 3 ? args[3] : null);
  }

  void serve(String url, String user, String password, String primaryHost) throws Exception {
    List<MqttServerDefinition> servers = new ArrayList<>();
    servers.add(new MqttServerDefinition(new MqttServerName("plant"), new MqttClientId("tahu-line-1", false), new MqttServerUrl(url), user, password, 30, getDeathTopic()));
    client = new EdgeClient(this, node, List.of(DEVICE), primaryHost, true, 500L, servers, this, null);
    Thread thread = new Thread(client);
    thread.setDaemon(true);
    thread.start();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] words = line.split(" ");
      SparkplugBPayload payload = new SparkplugBPayload.SparkplugBPayloadBuilder().setTimestamp(new Date()).addMetric(metric(words[0], words[1], words[2], words.length > 3)).createPayload();
      if (words[0].startsWith("Node")) client.publishNodeData(payload);
      else client.publishDeviceData(DEVICE, payload);
      System.out.println("sent");
    }
    client.shutdown();
    System.exit(0);
  }

  Metric metric(String name, String time, String text, boolean historical) throws Exception {
    MetricDataType type = typeOf(name);
    Metric.MetricBuilder metric = new Metric.MetricBuilder(name, type, text.equals("null") ? null : valueOf(type, text)).timestamp(new Date(Long.parseLong(time)));
    if (historical) metric.isHistorical(true);
    return metric.createMetric();
  }

  static MetricDataType typeOf(String name) {
    try {
      return (MetricDataType) MetricDataType.class.getField(name.substring(name.lastIndexOf('/') + 1)).get(null);
    } catch (ReflectiveOperationException failure) {
      throw new IllegalArgumentException(name, failure);
    }
  }

  static Object valueOf(MetricDataType type, String text) {
    if (type == MetricDataType.Int8) return Byte.valueOf(text);
    if (type == MetricDataType.Int16 || type == MetricDataType.UInt8) return Short.valueOf(text);
    if (type == MetricDataType.Int32 || type == MetricDataType.UInt16) return Integer.valueOf(text);
    if (type == MetricDataType.Int64 || type == MetricDataType.UInt32) return Long.valueOf(text);
    if (type == MetricDataType.UInt64) return new java.math.BigInteger(text);
    if (type == MetricDataType.Float) return Float.valueOf(text);
    if (type == MetricDataType.Double) return Double.valueOf(text);
    if (type == MetricDataType.Boolean) return Boolean.valueOf(text);
    return text;
  }

  static final String[] METRICS = {"Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float", "Double", "Boolean", "String"};

  @Override
  public Topic getDeathTopic() {
    return new Topic("spBv1.0", "tahu", "line-1", MessageType.NDEATH);
  }

  @Override
  public byte[] getDeathPayloadBytes() throws Exception {
    sentBdSeq = bdSeq++ % 256;
    SparkplugBPayload death = new SparkplugBPayload.SparkplugBPayloadBuilder().addMetric(new Metric.MetricBuilder("bdSeq", MetricDataType.Int64, sentBdSeq).createMetric()).createPayload();
    return new SparkplugBPayloadEncoder().getBytes(death, true);
  }

  @Override
  public void publishBirthSequence() {
    try {
      Date now = new Date();
      client.publishNodeBirth(new SparkplugBPayloadMap.SparkplugBPayloadMapBuilder().setTimestamp(now)
          .addMetric(new Metric.MetricBuilder("bdSeq", MetricDataType.Int64, sentBdSeq).createMetric())
          .addMetric(new Metric.MetricBuilder("Node Control/Rebirth", MetricDataType.Boolean, false).createMetric())
          .addMetric(new Metric.MetricBuilder("Node/Double", MetricDataType.Double, 1.5).timestamp(now).createMetric()).createPayload());
      SparkplugBPayload.SparkplugBPayloadBuilder birth = new SparkplugBPayload.SparkplugBPayloadBuilder().setTimestamp(now);
      for (String name : METRICS) {
        PropertySet unit = new PropertySet.PropertySetBuilder().addProperty("engUnit", new PropertyValue<>(PropertyDataType.String, "mm/s")).createPropertySet();
        MetricDataType type = typeOf(name);
        birth.addMetric(new Metric.MetricBuilder(name, type, valueOf(type, name.equals("Boolean") ? "true" : "1")).timestamp(now).properties(unit).createMetric());
      }
      client.publishDeviceBirth(DEVICE, birth.createPayload());
      System.out.println("born");
    } catch (Exception failure) {
      failure.printStackTrace();
    }
  }

  @Override
  public boolean hasMetric(SparkplugDescriptor descriptor, String name) {
    return true;
  }

  @Override
  public void shutdown() {}

  @Override
  public void messageArrived(MqttServerName server, MqttServerUrl url, MqttClientId id, String topic, MqttMessage message) {
    try {
      if (topic.startsWith("spBv1.0/STATE/")) {
        client.handleStateMessage(topic.split("/")[2], new ObjectMapper().readValue(message.getPayload(), StatePayload.class));
      } else if (topic.contains("/NCMD/")) {
        for (Metric metric : new SparkplugBPayloadDecoder().buildFromByteArray(message.getPayload(), null).getMetrics()) {
          if ("Node Control/Rebirth".equals(metric.getName()) && Boolean.TRUE.equals(metric.getValue())) client.handleRebirthRequest(true);
        }
      }
    } catch (Exception failure) {
      failure.printStackTrace();
    }
  }

  @Override
  public void connectionLost(MqttServerName server, MqttServerUrl url, MqttClientId id, Throwable cause) {}

  @Override
  public void connectComplete(boolean reconnect, MqttServerName server, MqttServerUrl url, MqttClientId id) {}
}
