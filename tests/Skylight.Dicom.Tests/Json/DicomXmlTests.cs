using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Skylight.Dicom.Tests.Json;

public sealed class DicomXmlTests
{
    private static readonly XNamespace s_model = "http://dicom.nema.org/PS3.19/models/NativeDICOM";

    [Fact]
    public void Write_Ct_IsTheNativeModel()
    {
        var root = Xml(Samples.Ct(), new JsonOptions { BulkDataUri = (path, _) => "bulk/" + path });
        Assert.Equal(s_model + "NativeDicomModel", root.Name);
        var name = Attribute(root, "00100010").Element(s_model + "PersonName")!;
        Assert.Equal("1", name.Attribute("number")!.Value);
        Assert.Equal("Xiaodong", name.Element(s_model + "Alphabetic")!.Element(s_model + "GivenName")!.Value);
        Assert.Equal("王", name.Element(s_model + "Ideographic")!.Element(s_model + "FamilyName")!.Value);
        Assert.Equal(["ORIGINAL", "PRIMARY", "AXIAL"], Attribute(root, "00080008").Elements(s_model + "Value").Select(v => v.Value));
        Assert.Equal("平扫", Attribute(Attribute(root, "00081032").Element(s_model + "Item")!, "00080104").Element(s_model + "Value")!.Value);
        Assert.Equal("SKYLIGHT TEST", Attribute(root, "00291001").Attribute("privateCreator")!.Value);
        Assert.Equal("bulk/7FE00010", Attribute(root, "7FE00010").Element(s_model + "BulkData")!.Attribute("uri")!.Value);
    }

    [Fact]
    public void Write_ControlCharacters_StaysWellFormed()
    {
        var root = Xml(new DicomDataset().Set(DicomTags.PatientComments, "a\u0001b\u000cc"), null);
        Assert.Equal("a\uFFFDb\uFFFDc", Attribute(root, "00104000").Value);
    }

    private static XElement Attribute(XElement parent, string tag) => parent.Elements(s_model + "DicomAttribute").Single(a => a.Attribute("tag")!.Value == tag);

    private static XElement Xml(DicomDataset dataset, JsonOptions? options)
    {
        var text = new StringBuilder();
        using (var writer = XmlWriter.Create(text)) DicomXml.Write(writer, dataset, options);
        return XDocument.Parse(text.ToString()).Root!;
    }
}
